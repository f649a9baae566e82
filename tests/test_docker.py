"""Whether the image of the model server and its neighbours fit the package."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from companion.settings import SETTINGS

FOLDER = Path(__file__).resolve().parents[1] / ".docker"
COMPOSE = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
SERVICES = yaml.safe_load(COMPOSE)["services"]
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
EXAMPLE = (FOLDER / "example.env").read_text(encoding="utf-8")


def image_variables() -> dict[str, str]:
    """Return what the Dockerfile's ENV lines set."""
    text = DOCKERFILE.replace("\\\n", " ")
    lines = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    return dict(word.split("=", 1) for line in lines for word in shlex.split(line))


def test_variables_of_the_package_are_settings_it_knows():
    known = {setting.variable for setting in SETTINGS.values()}
    places = [image_variables(), *(one["environment"] for one in SERVICES.values())]
    used = {name for place in places for name in place if name.startswith("COMPANION_")}

    assert used >= {"COMPANION_HOST", "COMPANION_TOKEN", "COMPANION_STORE"}
    assert used <= known


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_machine_only(name):
    assert all(
        port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", [])
    )


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_a_health_check_and_waits_for_those_it_needs(name):
    service = SERVICES[name]
    needed = service.get("depends_on", {})

    # The model server's own is the image's; MLflow's would ask the wrong port.
    assert "healthcheck" in service or (name == "model" and "HEALTHCHECK" in DOCKERFILE)
    assert all(one == {"condition": "service_healthy"} for one in needed.values())
    addresses = f"{service['environment']} {service.get('entrypoint')}"
    assert set(needed) == set(re.findall(r"(?:@|//)(database|mlflow)\b", addresses))


def test_secrets_are_variables_that_must_be_set():
    """A value after `:-` would be a password that everyone knows."""
    named = re.findall(r"\$\{(\w+)(.*?)\}", COMPOSE)
    example = dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE, re.MULTILINE))

    assert {rest for _, rest in named} == {":?see .docker/example.env"}
    assert {name for name, _ in named} == set(example)
    assert not example["POSTGRES_PASSWORD"]
    assert not example["COMPANION_TOKEN"]


def test_volumes_lie_where_the_user_of_the_image_may_write():
    """A new volume belongs to root, unless the image has a folder in its place."""
    own = [one for one in SERVICES.values() if one["image"] == "companion"]
    places = {volume.split(":")[1] for one in own for volume in one["volumes"]}

    assert len(own) == 2
    assert places == {image_variables()["HOME"]}
    assert re.search(r"^USER \d+$", DOCKERFILE, re.MULTILINE)


def test_what_the_dockerfile_copies_is_what_gets_to_the_builder():
    """Everything else is kept back, secrets and results of a build among it."""
    lines = (FOLDER.parent / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copies = re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.MULTILINE)

    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == {
        name for line in copies for name in line.split()
    }
