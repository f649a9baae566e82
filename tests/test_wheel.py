"""The wheel: built from the repository, installed where nothing else is.

The environment is really empty and the base libraries really come from the
package index. Without an index these tests are skipped, and say so.
"""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from companion import __version__
from companion.system import free_port

ROOT = Path(__file__).parents[1]
SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"
# A machine without a network answers at once instead of after minutes.
PATIENCE = ("--retries", "1", "--timeout", "10", "--disable-pip-version-check")


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    # An editable checkout on the path would hide what the wheel lacks.
    environ = {key: os.environ[key] for key in os.environ if key != "PYTHONPATH"}
    return subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env={**environ, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            *(sys.executable, "-m", "build", "--wheel", "--no-isolation"),
            *("--outdir", str(folder), str(ROOT)),
        ],
        capture_output=True,
        check=True,
        timeout=300,
    )
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def empty_environment(wheel, tmp_path_factory) -> Path:
    """Give the folder of the programs of an environment with only the wheel."""
    place = tmp_path_factory.mktemp("empty")
    venv.create(place / "env", with_pip=True)
    programs = place / "env" / SCRIPTS
    pip = (programs / "python", "-m", "pip")
    probe = ("download", "--no-deps", "--dest", "probe", *PATIENCE, "platformdirs")
    if run(*pip, *probe, cwd=place).returncode != 0:
        command = " ".join(("pip", *probe))
        pytest.skip(f"no package index can be reached: `{command}` failed")
    installed = run(*pip, "install", *PATIENCE, wheel, cwd=place)
    assert installed.returncode == 0, installed.stderr
    return programs


def test_the_wheel_holds_the_package_its_data_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        weather = {
            path.name: archive.read(f"companion/terrace/{path.name}")
            for path in (ROOT / "data").glob("*.csv")
        }

    tops = {name.partition("/")[0] for name in names}
    assert tops == {"companion", f"mlops_companion-{__version__}.dist-info"}
    assert len(weather) == 2
    for name, content in weather.items():
        assert content == (ROOT / "data" / name).read_bytes()
    assert "companion/py.typed" in names
    assert f"mlops_companion-{__version__}.dist-info/licenses/LICENSE" in names
    modules = {
        str(path.relative_to(ROOT).as_posix())
        for path in (ROOT / "companion").rglob("*.py")
    }
    assert {name for name in names if name.endswith(".py")} == modules


def test_the_weather_is_found_inside_an_installed_package(wheel, tmp_path):
    """The libraries are this environment's; the package is the wheel's."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "import companion.terrace as terrace\n"
        "print(terrace.__file__, len(terrace.load_weather()),\n"
        "    len(terrace.load_weather(corrected=True)))"
    )

    result = run(sys.executable, "-c", code, cwd=tmp_path)

    assert result.stdout.split() == [
        str(tmp_path / "companion" / "terrace" / "__init__.py"),
        "1461",
        "1461",
    ]


def test_help_works_without_any_extra(empty_environment, tmp_path):
    result = run(empty_environment / "companion", "--help", cwd=tmp_path)

    assert (result.returncode, result.stderr) == (0, "")
    assert "Example: companion doctor" in result.stdout


def test_doctor_works_without_any_extra_and_says_which_one_is_missing(
    empty_environment, tmp_path
):
    port = str(free_port())
    doctor = (empty_environment / "companion", "doctor", "--port", port)
    as_text = run(*doctor, cwd=tmp_path)
    as_json = run(*doctor, "--json", cwd=tmp_path)

    assert (as_text.returncode, as_text.stderr) == (1, "")
    checks = {check["name"]: check for check in json.loads(as_json.stdout)["checks"]}
    for extra in ("tracking", "serving", "llm", "postgres", "streamlit"):
        check = checks[f"Extra {extra}"]
        remedy = f'Run: python -m pip install "mlops-companion[{extra}]"'
        assert (check["status"], check["remedy"]) == ("missing", remedy)
        assert remedy in as_text.stdout
    for name in ("Python", "Folder", f"Port {port}"):
        assert checks[name]["status"] == "ok"


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("train", "--out", "model"), "tracking"),
        (("serve", "model"), "serving"),
        (("up", "--mlflow-port", "0"), "tracking"),
        (("card", "make", "model"), "tracking"),
    ],
)
def test_a_command_whose_extra_is_missing_says_so_in_one_sentence(
    empty_environment, tmp_path, arguments, extra
):
    result = run(empty_environment / "companion", *arguments, cwd=tmp_path)

    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert " needs " in line
    assert line.endswith(f'Install it with: pip install "mlops-companion[{extra}]"')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "extra"),
    [("terrace", "tracking"), ("serving", "serving")],
)
def test_a_part_whose_extra_is_missing_says_so_when_it_is_imported(
    empty_environment, tmp_path, module, extra
):
    code = f"from companion.{module} import *"

    result = run(empty_environment / "python", "-c", code, cwd=tmp_path)

    message = result.stderr.splitlines()[-1]
    assert "MissingExtraError" in message
    assert f"mlops-companion[{extra}]" in message


WRITE_ONE = """
from datetime import UTC, datetime
from companion.store import Journal, Prediction, journal_folder
journal = Journal(journal_folder("sqlite:///log.db"))
journal.append([Prediction(
    id="a-0", request_id="a", created_at=datetime(2014, 1, 1, tzinfo=UTC),
    model_name="terrace-rain", model_version="1", inputs={"wet_today": 1.0},
    value=0.25, latency_ms=0.1,
)])
journal.close()
"""


def test_the_log_is_written_shipped_and_read_without_any_extra(
    empty_environment, tmp_path
):
    store = ("--store", "sqlite:///log.db")
    companion = empty_environment / "companion"

    written = run(empty_environment / "python", "-c", WRITE_ONE, cwd=tmp_path)
    shipped = run(companion, "ship", *store, cwd=tmp_path)
    listed = run(companion, "predictions", "--json", *store, cwd=tmp_path)

    assert (written.returncode, written.stderr) == (0, "")
    assert (shipped.returncode, shipped.stderr) == (0, "")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert '"a-0"' in listed.stdout
    assert "0.25" in listed.stdout
