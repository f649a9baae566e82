"""Whether what stands in several places of the repository agrees."""

import ast
import json
import re
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

import companion
from companion.cli import COMMANDS
from companion.terrace import FEATURE_LIMITS, FEATURES

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BUILD_COMMAND = "pip install nox && nox -s book"
TEST_COMMAND = "nox -s tests"
ALLOWED_AT_THE_TOP = re.compile(
    r"\..+|book|companion|data|tests|_config\.yml|_toc\.yml|noxfile\.py|README\.md|"
    r"pyproject\.toml|requirements-[a-z]+\.txt|CHANGELOG\.md|CONTRIBUTING\.md|"
    r"LICENSE[A-Z-]*|CITATION\.cff|SECURITY\.md|CODE_OF_CONDUCT\.md"
)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def tracked_files() -> list[str]:
    """List the files of the commit; a source archive has no Git, so no list."""
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("this is not a Git checkout")
    return [name for name in done.stdout.split("\0") if (ROOT / name).is_file()]


def steps(workflow: Path) -> list[dict]:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def sessions() -> dict[str, ast.FunctionDef]:
    """Map the name of each nox session to its function."""
    return {
        node.name: node
        for node in ast.parse(read("noxfile.py")).body
        if isinstance(node, ast.FunctionDef)
        if any("nox.session" in ast.unparse(each) for each in node.decorator_list)
    }


# Commands


def test_the_readme_shows_both_commands_on_its_first_screen():
    first_screen = read("README.md").splitlines()[:40]

    assert BUILD_COMMAND in first_screen
    assert TEST_COMMAND in first_screen


def test_ci_runs_the_commands_of_the_readme_word_for_word():
    ci = read(".ci/run")
    order = [ci.index(line) for line in (TEST_COMMAND, "nox -s lint", BUILD_COMMAND)]

    assert order == sorted(order)


def test_workflows_run_the_commands_of_the_readme_word_for_word():
    runs = {path.stem: [step.get("run") for step in steps(path)] for path in WORKFLOWS}

    assert BUILD_COMMAND in runs["book"]
    assert TEST_COMMAND in runs["tests"]
    assert TEST_COMMAND in runs["release"]


@pytest.mark.parametrize("name", [".ci/run", ".binder/postBuild", ".binder/start"])
def test_scripts_can_be_executed(name):
    tracked_files()
    command = ["git", "ls-files", "--stage", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.startswith("100755 ")


def test_what_binder_starts_replaces_the_start_script():
    """Without exec, Binder's signals end the script and not the server."""
    assert read(".binder/start").splitlines()[-1] == 'exec "$@"'


def test_each_session_explains_itself_in_one_line_and_passes_arguments_on():
    for name, function in sessions().items():
        docstring = ast.get_docstring(function) or ""
        assert re.fullmatch(r"[A-Z].*\S", docstring), name
        assert "session.posargs" in ast.unparse(function), name


def test_contributing_names_each_session_and_no_other():
    named = set(re.findall(r"nox -s (\w+)", read("CONTRIBUTING.md")))

    assert named == set(sessions())


def test_commands_of_the_readme_exist():
    named = set(re.findall(r"^companion (\w+)", read("README.md"), re.MULTILINE))

    assert len(named) >= 4
    assert named <= set(COMMANDS)


def test_the_ten_lines_are_ten_in_an_environment_of_their_own():
    """Many systems let pip install nothing outside one (PEP 668)."""
    text = read("README.md").partition("## The package in ten lines")[2]
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    first, second = (block.splitlines() for block in blocks)

    assert len(first) + len(second) == 10
    assert first[0].endswith("-m venv .venv")
    assert first[1] == second[0] == "source .venv/bin/activate"
    # All that they install is what this purpose needs.
    assert "[tracking,serving]" in first[2]
    assert first[3] == "companion doctor --for serving"


def test_the_row_of_the_readme_has_the_columns_of_the_model():
    """The first try of a visitor must not end in a refused request."""
    (body,) = re.findall(r"-d '(.+)'$", read("README.md"), re.MULTILINE)
    (row,) = json.loads(body)["rows"]

    assert list(row) == list(FEATURES)
    for name, value in row.items():
        lowest, highest = FEATURE_LIMITS[name]
        assert lowest <= value <= highest


def test_the_binder_badge_opens_a_chapter():
    (path,) = re.findall(r"urlpath=lab/tree/([^)]+)\)", read("README.md"))

    assert "\nkernelspec:" in read(path)


# Addresses and versions


def test_one_repository_address_everywhere():
    repository = PROJECT["project"]["urls"]["Repository"]
    owner, name = urlsplit(repository).path.strip("/").split("/")
    pages = f"https://{owner}.github.io/{name}/"
    config = yaml.safe_load(read("_config.yml"))
    citation = yaml.safe_load(read("CITATION.cff"))
    sphinx = config["sphinx"]["config"]

    assert PROJECT["project"]["urls"]["Homepage"] == pages
    assert config["repository"]["url"] == repository
    assert config["html"]["baseurl"] == pages
    assert sphinx["ogp_site_url"] == pages
    assert sphinx["notfound_urls_prefix"] == urlsplit(pages).path
    for target in re.findall(r'href="(/[^"]*)"', read("_config.yml")):
        assert target.startswith(urlsplit(pages).path)
    assert citation["repository-code"] == repository
    assert citation["url"] == pages
    assert f"https://mybinder.org/v2/gh/{owner}/{name}/main" in read("README.md")


def test_the_frame_links_to_no_other_repository():
    """Chapters may name the repositories of others; these files name ours."""
    repository = PROJECT["project"]["urls"]["Repository"]
    path = urlsplit(repository).path.strip("/")
    link = re.compile(r"(?:https://github\.com|mybinder\.org/v2/gh)/([\w.-]+/[\w.-]+)")
    files = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
    files += ["LICENSE-TEXT", "CITATION.cff", "pyproject.toml", "_config.yml"]

    found = {name: set(link.findall(read(name))) - {path} for name in files}

    assert not {name: others for name, others in found.items() if others}


def test_one_version_everywhere():
    citation = yaml.safe_load(read("CITATION.cff"))
    released = re.findall(r"^## \[(\d[^\]]*)\]", read("CHANGELOG.md"), re.MULTILINE)

    assert citation["version"] == companion.__version__
    assert not released or released[0] == companion.__version__


def test_workflows_test_each_python_that_the_package_names():
    prefix = "Programming Language :: Python :: "
    named = [
        line.removeprefix(prefix)
        for line in PROJECT["project"]["classifiers"]
        if line.startswith(prefix)
    ]
    jobs = yaml.safe_load(read(".github/workflows/tests.yml"))["jobs"]
    matrix = jobs["tests"]["strategy"]["matrix"]

    assert matrix["python"] == named
    assert matrix["os"] == ["ubuntu", "macos", "windows"]


# Workflows


def test_each_action_is_pinned_by_one_commit_with_its_version_beside_it():
    pin = re.compile(r"uses: ([\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$")
    pins: dict[str, set[tuple[str, str]]] = {}
    for path in WORKFLOWS:
        for line in path.read_text(encoding="utf-8").splitlines():
            if "uses:" in line:
                match = pin.search(line)
                assert match, f"{path.name}: {line.strip()}"
                pins.setdefault(match[1], set()).add((match[2], match[3]))

    assert len(pins) >= 5
    assert not {action: found for action, found in pins.items() if len(found) > 1}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_start_with_read_access_and_no_stored_secret(path):
    text = path.read_text(encoding="utf-8")

    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert "secrets." not in text


def test_pages_are_deployed_only_after_the_checked_build():
    jobs = yaml.safe_load(read(".github/workflows/book.yml"))["jobs"]
    build = [step.get("run") or step["uses"] for step in jobs["build"]["steps"]]

    assert jobs["deploy"]["needs"] == "build"
    assert build[-2] == BUILD_COMMAND
    assert build[-1].startswith("actions/upload-pages-artifact@")


# Texts


def test_nothing_unexpected_stands_at_the_top():
    top = {Path(name).parts[0] for name in tracked_files()}

    assert not {name for name in top if not ALLOWED_AT_THE_TOP.fullmatch(name)}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links_to_files_lead_somewhere(name):
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", read(name))

    assert not [target for target in targets if not (ROOT / target).exists()]
