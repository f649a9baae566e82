"""Programs that are really started in different ways, and tell what is recorded."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import companion

TELL = """
import json
from dataclasses import asdict
from pathlib import Path
from companion.tracking.runs.command import read_command
print(json.dumps(asdict(read_command(Path(ROOT)))))
"""


@pytest.fixture
def place(tmp_path):
    """A folder as the top of a repository, with a program and a package in it."""
    root = tmp_path.resolve() / "code"
    (root / "jobs").mkdir(parents=True)
    for name in ("train.py", "jobs/night.py"):
        (root / name).write_text(f"ROOT = {str(root)!r}{TELL}")
    return root


def start(*command, folder, given=None, **environ):
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        input=given,
        env={k: v for k, v in os.environ.items() if k != "PYTHONHASHSEED"} | environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("command", "folder", "arguments", "kept_folder"),
    [
        (["train.py", "--C", "0.5"], ".", ["train.py", "--C", "0.5"], "."),
        (["-u", "../train.py", "x"], "jobs", ["-u", "../train.py", "x"], "jobs"),
        (["{root}/train.py", "{root}/jobs"], "jobs", ["../train.py", "."], "jobs"),
        (["-m", "jobs.night", "1"], ".", ["-m", "jobs.night", "1"], "."),
        (["code/train.py", "code/no"], "..", ["train.py", "code/no"], None),
    ],
)
def test_a_program_is_recorded_so_that_it_can_be_started_elsewhere(
    place, command, folder, arguments, kept_folder
):
    given = [one.format(root=place) for one in command]

    found = start(sys.executable, *given, folder=place / folder, PYTHONHASHSEED="5")

    assert found["arguments"] == ["python", *arguments]
    assert found["folder"] == kept_folder
    assert found["reason"] is None
    assert found["variables"] == {"PYTHONHASHSEED": "5"}
    assert found["number"] == 1


def test_code_on_the_command_line_is_recorded(place):
    code = f"ROOT = {str(place)!r}{TELL}"

    found = start(sys.executable, "-c", code, folder=place)

    assert found["arguments"] == ["python", "-c", code]


@pytest.mark.skipif(os.name == "nt", reason="such commands are programs of their own")
def test_an_installed_command_is_recorded_by_its_name(place, tmp_path):
    """It lies beside the interpreter; a link stands for an environment."""
    scripts = tmp_path / "env" / "bin"
    scripts.mkdir(parents=True)
    python = scripts / "python"
    python.symlink_to(sys.executable)
    (tmp_path / "env" / "pyvenv.cfg").write_text(
        f"home = {Path(sys._base_executable).parent}\n"
    )
    shutil.copy(place / "train.py", scripts / "forecast")

    command = (python, scripts / "forecast", "--days", "3")
    # The new environment has no packages of its own, nor the link to this one.
    packages = (str(Path(companion.__file__).parents[1]), sysconfig.get_path("purelib"))
    found = start(*command, folder=place, PYTHONPATH=os.pathsep.join(packages))

    assert found["arguments"] == ["forecast", "--days", "3"]


def test_what_cannot_be_started_again_says_why(place):
    code = f"ROOT = {str(place)!r}{TELL}"
    shell = [sys.executable, "-m", "IPython", "--quick", "--no-banner", "-c", code]

    piped = start(sys.executable, "-", folder=place, given=code)
    notebook = start(*shell, folder=place)
    spoken = start(sys.executable, "-i", "train.py", folder=place, given="")

    assert piped["reason"] == "its program was not read from a file"
    assert notebook["reason"] == "it was made in a notebook or in IPython"
    assert spoken["reason"] == "it was made in an interactive session"
    assert piped["arguments"] == notebook["arguments"] == spoken["arguments"] == []
