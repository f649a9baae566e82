"""The image of the model server, really built and asked; minutes, so only on request.

No hub is needed: the base is made of Debian's packages, and pip takes its packages
from a folder that was filled before.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "COMPANION_TEST_IMAGE=1 nox -s tests -- tests/test_image.py"
TOOLS = ("mmdebstrap", "buildah", "podman", "runc")
BASE, IMAGE = "localhost/companion-test-base", "localhost/companion-test"
TOKEN = "a-token-of-the-tests"  # noqa: S105
ROW = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}
ADDRESS = "http://127.0.0.1:8000"

pytestmark = pytest.mark.skipif(
    not os.environ.get("COMPANION_TEST_IMAGE"),
    reason=f"takes minutes, Debian and root; run it with: {COMMAND}",
)


def call(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(
        words, text=True, capture_output=True, check=False, timeout=900, **options
    )


def succeed(*command: object, **options: object) -> str:
    done = call(*command, **options)
    assert done.returncode == 0, (
        f"{command}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    )
    return done.stdout.strip()


def podman(*words: object) -> subprocess.CompletedProcess[str]:
    return call("podman", "--runtime", "runc", *words)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Build the image from its Dockerfile, on Debian 12 with Python 3.11."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    assert not missing, f"apt-get install {' '.join(missing)}"
    assert os.geteuid() == 0, "mmdebstrap and a build in chroot need root"
    assert sys.version_info[:2] == (3, 11), "the wheels must fit Debian 12's Python"
    folder = tmp_path_factory.mktemp("image")
    packages = "python3,python3-venv,python3-pip,ca-certificates"
    base = folder / "base.tar"
    succeed(
        "mmdebstrap", "--variant=minbase", f"--include={packages}", "bookworm", base
    )
    container = succeed("buildah", "from", "scratch")
    succeed("buildah", "add", "-q", container, base, "/")
    succeed("buildah", "commit", "-q", container, BASE)
    succeed("buildah", "rm", container)

    wheels, offline = folder / "wheels", folder / "pip.conf"
    pins = ROOT / ".docker" / "requirements.txt"
    hashes = ("--require-hashes", "--only-binary", ":all:")
    succeed(
        sys.executable, "-m", "pip", "download", "-q", *hashes, "-d", wheels, "-r", pins
    )
    offline.write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    try:
        succeed(
            *("buildah", "bud", "--format", "docker", "--tag", IMAGE),
            *("--build-arg", f"BASE={BASE}", "--file", ".docker/Dockerfile"),
            *("--volume", f"{wheels}:/wheels:ro"),
            *("--volume", f"{offline}:/etc/pip.conf:ro", "."),
            cwd=ROOT,
            env={**os.environ, "BUILDAH_ISOLATION": "chroot"},
        )
        yield IMAGE
    finally:
        call("buildah", "rmi", IMAGE, BASE)


@contextlib.contextmanager
def container(image: str, *options: object) -> Iterator[str]:
    """Run the image with the network of this machine, and remove it in the end."""
    limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
    done = podman(
        "run", "-d", "--pull", "never", "--network", "host", *limits, *options, image
    )
    assert done.returncode == 0, done.stderr
    name = done.stdout.strip()
    try:
        yield name
    finally:
        podman("rm", "-f", "-t", "1", name)


def wait_until_healthy(name: str) -> None:
    """Ask the health check as Docker does every few seconds."""
    end = time.monotonic() + 60
    while podman("healthcheck", "run", name).returncode:
        assert time.monotonic() < end, podman("logs", name)
        time.sleep(0.5)


def predict(row: dict[str, float], **headers: str) -> tuple[int, dict]:
    body = json.dumps({"rows": [row]}).encode()
    headers["Content-Type"] = "application/json"
    request = urllib.request.Request(f"{ADDRESS}/predict", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as err:
        return err.code, json.load(err)


def test_it_serves_a_model_as_a_user_without_rights_and_stops_when_told(
    image, rain_model
):
    """Meanwhile its workers are frozen, as if they hung, and thawed again."""
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", 8000)), "port 8000 must be free"
    options = ("-e", f"COMPANION_TOKEN={TOKEN}", "-v", f"{rain_model}:/model:ro")

    with container(image, *options) as name:
        wait_until_healthy(name)
        status, answer = predict(ROW, Authorization=f"Bearer {TOKEN}")
        stranger, _ = predict(ROW)
        user = podman("exec", name, "id", "-u").stdout.strip()
        written = podman("exec", name, "touch", "/opt/companion/x", "/src/x")
        log = podman("logs", name).stdout
        podman("exec", name, "sh", "-c", "kill -STOP -1")
        when_frozen = podman("healthcheck", "run", name).returncode
        podman("exec", name, "sh", "-c", "kill -CONT -1")
        wait_until_healthy(name)
        start = time.monotonic()
        podman("stop", "--time", "30", name)
        seconds = time.monotonic() - start
        code = podman("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip()

    assert status == 200
    assert 0 <= answer["predictions"][0]["value"] <= 1
    assert stranger == 401
    assert user == "10001"
    assert written.returncode != 0
    assert "Permission denied" in written.stderr
    assert "http://0.0.0.0:8000" in log
    assert when_frozen != 0
    assert code == "0"
    assert seconds < 10


def test_without_a_token_it_does_not_start_and_says_why(image, rain_model):
    with container(image, "--volume", f"{rain_model}:/model:ro") as name:
        code = podman("wait", name).stdout.strip()
        log = podman("logs", name)

    assert code not in {"", "0"}
    assert "COMPANION_TOKEN" in log.stdout + log.stderr
