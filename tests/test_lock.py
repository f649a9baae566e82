"""Whether pyproject.toml, the lock file, Binder's and the image's pins say the same."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements-lock.txt"
BINDER = ROOT / ".binder" / "requirements.txt"
IMAGE = ROOT / ".docker" / "requirements.txt"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# What the model server in the image can do; `nox -s lock` names the same.
IMAGE_EXTRAS = ("tracking", "serving", "fast", "postgres")
# Where Binder runs, said as environment markers say it.
BINDER_MACHINE = {
    "python_version": "3.11",
    "python_full_version": "3.11.14",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "os_name": "posix",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "extra": "",
}


def read_requirements(path: Path) -> list[Requirement]:
    """Read a requirements file, without its hashes and remarks."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (line.split(" --hash")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pins_for_binder(path: Path) -> dict[str, str]:
    """Map each name to the version that a file pins on Binder's machine."""
    pins: dict[str, str] = {}
    for requirement in read_requirements(path):
        if requirement.marker and not requirement.marker.evaluate(BINDER_MACHINE):
            continue
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", requirement
        name = canonicalize_name(requirement.name)
        assert name not in pins, f"{name} is pinned twice in {path.name}"
        pins[name] = specifier.version
    return pins


def asked_by_extras(*names: str) -> list[Requirement]:
    """List what the package and these extras, or all of them, ask for."""
    extras = PROJECT["project"]["optional-dependencies"]
    lists = [PROJECT["project"]["dependencies"]]
    lists += [extras[name] for name in names or extras]
    asked = [Requirement(line) for lines in lists for line in lines]
    return [each for each in asked if each.name != PROJECT["project"]["name"]]


def asked_by_group(name: str) -> list[Requirement]:
    """List what a dependency group and the groups in it ask for."""
    found: list[Requirement] = []
    for line in PROJECT["dependency-groups"][name]:
        if isinstance(line, dict):
            found += asked_by_group(line["include-group"])
        else:
            found.append(Requirement(line))
    return found


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (LOCK, asked_by_extras() + asked_by_group("dev")),
        (BINDER, asked_by_extras() + asked_by_group("chapters")),
        (IMAGE, asked_by_extras(*IMAGE_EXTRAS) + asked_by_group("image")),
    ],
    ids=["lock", "binder", "image"],
)
def test_pins_satisfy_what_pyproject_asks_for(path, asked):
    pins = pins_for_binder(path)

    wrong = [
        f"{each} but {path.name} has {pins.get(canonicalize_name(each.name))}"
        for each in asked
        if not each.marker or each.marker.evaluate(BINDER_MACHINE)
        if pins.get(canonicalize_name(each.name)) not in each.specifier
    ]

    assert not wrong


def test_each_extra_but_all_is_part_of_all():
    extras = dict(PROJECT["project"]["optional-dependencies"])
    (everything,) = extras.pop("all")

    assert Requirement(everything).extras == set(extras)


def test_binder_has_the_versions_of_the_lock():
    locked = pins_for_binder(LOCK)
    differs = {
        name: (version, locked.get(name))
        for name, version in pins_for_binder(BINDER).items()
        if locked.get(name) != version
    }

    assert not differs


def test_binder_leaves_the_book_builder_out():
    """A Binder session has 2 GB of memory and builds no book."""
    assert "jupyter-book" not in pins_for_binder(BINDER)


def test_binder_lines_are_flat_pins():
    """A line such as `-e .` or `-c file` stops Binder from keeping the layer."""
    flat = re.compile(r"[a-z0-9._-]+==\S+")

    odd = [line for line in BINDER.read_text().splitlines() if not flat.fullmatch(line)]

    assert not odd


def test_binder_runs_the_oldest_python_that_the_package_supports():
    (oldest,) = Requirement(f"x{PROJECT['project']['requires-python']}").specifier
    runtime = (ROOT / ".binder" / "runtime.txt").read_text().strip()

    assert runtime == f"python-{oldest.version}"


def hashes_of_pins(path: Path) -> dict[str, set[str]]:
    """Map each `name==version` of a file to the hashes that it allows."""
    blocks = re.split(r"\n(?=\S)", path.read_text(encoding="utf-8"))
    return {
        block.split()[0]: set(re.findall(r"--hash=(sha256:\w+)", block))
        for block in blocks
    }


def test_each_pin_of_the_lock_has_a_hash():
    pins = hashes_of_pins(LOCK)

    assert len(pins) > 100
    assert not [pin for pin, hashes in pins.items() if not hashes]


def test_the_image_has_pins_and_hashes_of_the_lock():
    """On every system and processor: an image is built for more than one."""
    locked = hashes_of_pins(LOCK)
    pins = hashes_of_pins(IMAGE)

    differs = [pin for pin, hashes in pins.items() if locked.get(pin) != hashes]

    assert len(pins) > 50
    assert not differs


def test_the_image_leaves_the_tools_of_the_book_out():
    """An image of the server is pulled by each machine that runs it."""
    assert not {"jupyter-book", "pytest", "ipykernel"} & set(pins_for_binder(IMAGE))


@pytest.mark.parametrize(
    "path", [LOCK, BINDER, IMAGE], ids=lambda path: str(path.parent.name)
)
def test_no_index_or_file_address_is_in_the_pins(path):
    text = path.read_text(encoding="utf-8")

    assert not re.findall(r"\S+://\S+|--\S*(?:index|find-links)\S*", text)


def test_the_lock_is_fresh(tmp_path):
    """Resolving again, with the lock as the preference, changes nothing."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    assert uv, "uv comes with the lock; install it: nox -s tests does"
    copy = tmp_path / LOCK.name
    shutil.copy2(LOCK, copy)
    command = [uv, "pip", "compile", "pyproject.toml", "--all-extras", "--group", "dev"]
    command += ["--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-emit-index-url", "--no-header", "--quiet", "-o", str(copy)]

    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )

    if "error sending request" in done.stderr or "Failed to fetch" in done.stderr:
        pytest.skip("no package index answers")
    assert done.returncode == 0, done.stderr
    assert copy.read_text() == LOCK.read_text(), "renew it: nox -s lock"
