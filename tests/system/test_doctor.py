import socket
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from companion.llm.local import weights
from companion.system import doctor
from companion.system.doctor import (
    PURPOSES,
    Check,
    check_extras,
    check_folder,
    check_git,
    check_jupyter,
    check_language_model,
    check_libraries,
    check_port,
    check_python,
    run_checks,
)
from companion.system.libraries import find_version, read_extras

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
CHARTS = (Requirement("matplotlib>=3.9"), Requirement("numpy>=1.26"))


def read_optional_dependencies() -> dict[str, list[str]]:
    return tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_the_installed_extras_are_those_of_pyproject(system):
    asked = read_optional_dependencies()
    del asked["all"]

    expected = {
        extra: {
            (one.name, one.specifier)
            for one in map(Requirement, lines)
            if one.marker is None or one.marker.evaluate({"sys_platform": system})
        }
        for extra, lines in asked.items()
    }
    read = {
        extra: {(one.name, one.specifier) for one in needed}
        for extra, needed in read_extras(system).items()
    }
    assert read == expected


def test_a_package_that_is_not_installed_has_no_extras(monkeypatch):
    monkeypatch.setattr("companion.system.libraries._DISTRIBUTION", "no-such-package")

    assert read_extras() == {}
    assert [(one.name, one.status) for one in check_extras()] == [
        ("Package", "problem")
    ]


def test_oldest_versions_for_notebooks_are_those_of_the_chapters_group():
    groups = tomllib.loads(PYPROJECT.read_text())["dependency-groups"]
    asked = {one.name: one for one in map(Requirement, groups["chapters"])}

    for library in (*doctor._KERNEL, *doctor._CHARTS):
        (oldest,) = library.specifier
        assert oldest in set(asked[library.name].specifier)


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ((3, 10, 14), "problem"),
        ((3, 11, 0), "ok"),
        ((3, 13, 9), "ok"),
        ((3, 14, 0), "problem"),
        ((2, 7, 18), "problem"),
    ],
)
def test_python_from_3_11_to_3_13_is_fine(version, status):
    check = check_python(version)

    assert check.status == status
    assert check.found == ".".join(map(str, version))
    assert ("3.11 to 3.13" in check.remedy) == (status == "problem")


def write_program(folder: Path, body: str) -> str:
    program = folder / "git"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return str(program)


needs_sh = pytest.mark.skipif(
    sys.platform == "win32", reason="the stand-in for git is a shell script"
)


@needs_sh
def test_git_that_runs_is_found_with_its_version(tmp_path):
    program = write_program(tmp_path, "echo git version 2.47.1")

    check = check_git(lambda _: program)

    assert (check.status, check.found) == ("ok", "2.47.1")


def test_missing_git_comes_with_where_to_get_it():
    check = check_git(lambda _: None)

    assert check.status == "missing"
    assert "https://git-scm.com" in check.remedy


@needs_sh
def test_git_that_does_not_run_is_a_problem(tmp_path):
    """macOS ships a `git` that only offers to install the real one."""
    program = write_program(tmp_path, "echo no developer tools >&2; exit 1")

    check = check_git(lambda _: program)

    assert (check.status, check.remedy != "") == ("problem", True)


def test_libraries_that_are_there_are_listed_with_their_versions():
    versions = {"matplotlib": "3.9.0", "numpy": "2.10.1"}

    check = check_libraries("Charts", CHARTS, install="x", find=versions.get)

    assert (check.status, check.found) == ("ok", "matplotlib 3.9.0, numpy 2.10.1")
    assert check.remedy == ""


def test_a_missing_library_names_the_extra_that_brings_it():
    versions = {"numpy": "2.0.0"}

    check = check_libraries(
        "Extra x", CHARTS, install="mlops-companion[x]", find=versions.get
    )

    assert (check.status, check.found) == ("missing", "numpy 2.0.0; without matplotlib")
    assert check.remedy == 'Run: python -m pip install "mlops-companion[x]"'


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("3.8.9", "problem"),
        ("3.9", "ok"),
        ("3.10.0rc1", "ok"),
        ("3.18.0", "problem"),
        ("3.18.1", "ok"),
        ("10.0", "ok"),
    ],
)
def test_versions_compare_as_numbers(version, status):
    """As text, "3.10" would come before "3.9"."""
    library = Requirement("mlflow>=3.9,!=3.18.0")

    check = check_libraries("x", [library], install="m", find=lambda _: version)

    assert check.status == status
    if status == "problem":
        assert check.found == f"mlflow {version} (needs !=3.18.0,>=3.9)"
        assert check.remedy == "Run: python -m pip install --upgrade m"


def test_a_library_of_another_system_is_not_asked_for():
    def look(platform: str) -> Check:
        serving = read_extras(platform)["serving"]
        versions = {library.name: "26" for library in serving}
        versions.pop("waitress", None)
        return check_libraries("x", serving, install="m", find=versions.get)

    assert look("linux").status == look("darwin").status == "ok"
    assert look("win32").found.endswith("without waitress")
    assert "gunicorn" not in look("win32").found


def test_versions_are_found_without_importing():
    name = "mlflow"

    assert find_version(name) is not None
    assert find_version("no-such-library-anywhere") is None


@pytest.mark.parametrize("missing", ["ipykernel", "jupytext"])
def test_notebooks_need_a_kernel_and_jupytext(missing):
    versions = {"ipykernel": "7.1", "jupytext": "1.18.1", "jupyterlab": "4.5"}
    del versions[missing]

    check = check_jupyter(versions.get)

    assert (check.status, missing in check.found) == ("missing", True)
    assert check.remedy == "Run: python -m pip install ipykernel jupytext jupyterlab"


@pytest.mark.parametrize(
    ("editors", "expected"),
    [
        ({"jupyterlab": "4.5.0"}, "jupyterlab 4.5.0"),
        ({"notebook": "7.5.0"}, "notebook 7.5.0"),
        ({}, "no JupyterLab: use an editor that runs notebooks"),
    ],
)
def test_which_editor_shows_the_notebook_is_the_readers_choice(editors, expected):
    versions = {"ipykernel": "7.1", "jupytext": "1.18.1", **editors}

    check = check_jupyter(versions.get)

    assert check.status == "ok"
    assert check.found == f"ipykernel 7.1, jupytext 1.18.1, {expected}"


def test_a_language_model_that_is_there_is_named_with_its_size(tmp_path):
    file = tmp_path / "small.gguf"
    file.write_bytes(bytes(3 * 10**6))

    check = check_language_model(lambda: file)

    assert (check.status, check.found) == ("ok", "small.gguf, 3 MB")


def test_a_language_model_that_is_missing_comes_with_the_command_that_fetches_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(weights, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(weights, "installed_weights", lambda: None)
    monkeypatch.delenv("COMPANION_LLM_FILE", raising=False)

    check = check_language_model(weights.find_weights)

    assert (check.status, check.remedy) == ("missing", "Run: companion llm fetch")


def test_a_setting_that_names_no_language_model_is_a_problem(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_LLM_FILE", str(tmp_path / "nowhere.gguf"))

    check = check_language_model(weights.find_weights)

    assert check.status == "problem"
    assert "nowhere.gguf cannot be read" in check.remedy


def test_a_port_that_somebody_listens_on_is_a_problem_and_free_again_afterwards():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        taken = check_port(port)
    free = check_port(port)

    assert (taken.status, taken.found) == (
        "problem",
        "taken by another program on 127.0.0.1",
    )
    assert "--port" in taken.remedy
    assert free.status == "ok"


def test_an_address_of_another_machine_is_a_problem():
    """192.0.2.1 is kept for documentation (RFC 5737): no machine has it."""
    check = check_port(8000, host="192.0.2.1")

    assert check.status == "problem"
    assert "--host" in check.remedy


def test_a_folder_is_tried_by_writing_and_left_as_it_was(tmp_path):
    check = check_folder(tmp_path)

    assert (check.status, check.found) == ("ok", f"{tmp_path} can be written")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_problem(tmp_path):
    """A missing one: as root, every other folder can be written."""
    check = check_folder(tmp_path / "nowhere")

    assert check.status == "problem"
    assert "Change to a folder of your own" in check.remedy


def test_every_part_is_looked_at_once_and_a_remedy_stands_where_it_is_needed(tmp_path):
    checks = run_checks(find_weights=weights.find_weights, port=1, folder=tmp_path)

    names = [check.name for check in checks]
    assert names == [
        *("Python", "Git", "Jupyter", "Charts"),
        *("Extra tracking", "Extra serving", "Extra llm"),
        *("Extra fast", "Extra postgres", "Extra streamlit"),
        *("Language model", "Port 1", "Folder"),
    ]
    assert all((check.status == "ok") == (check.remedy == "") for check in checks)
    needed_by = {check.name: check.purposes for check in checks}
    assert needed_by["Git"] == needed_by["Extra tracking"] == ("learning",)
    assert needed_by["Extra llm"] == needed_by["Language model"] == ("learning", "llm")
    assert {check.name for check in checks if not check.required} == {
        "Extra fast",
        "Extra postgres",
        "Extra streamlit",
    }


@pytest.mark.parametrize(
    ("purpose", "required", "optional"),
    [
        (
            "serving",
            ["Python", "Extra serving", "Port 1", "Folder"],
            ["Extra tracking", "Extra fast", "Extra postgres"],
        ),
        (
            "llm",
            ["Python", "Extra llm", "Language model", "Folder"],
            ["Extra postgres"],
        ),
    ],
)
def test_a_purpose_is_checked_for_what_it_needs_or_can_use_and_nothing_else(
    tmp_path, monkeypatch, purpose, required, optional
):
    monkeypatch.delenv("COMPANION_LLM_URL", raising=False)

    checks = run_checks(
        find_weights=weights.find_weights, port=1, folder=tmp_path, purpose=purpose
    )

    assert [check.name for check in checks if check.required] == required
    assert [check.name for check in checks if not check.required] == optional
    assert all((purpose in check.purposes) == check.required for check in checks)


def test_each_extra_is_checked_for_some_purpose():
    """One that is new in pyproject.toml must find its place."""
    named = {check.name for purpose in PURPOSES for check in check_extras(purpose)}

    assert named == {
        f"Extra {extra}" for extra in read_optional_dependencies() if extra != "all"
    }


def test_weights_are_optional_where_somebody_else_runs_the_model(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_LLM_URL", "https://api.example/v1")

    def model(purpose: str) -> Check:
        checks = run_checks(
            find_weights=weights.find_weights, port=1, folder=tmp_path, purpose=purpose
        )
        return next(check for check in checks if check.name == "Language model")

    assert model("learning").required
    assert not model("llm").required
