"""What a contributor can run: `nox -l` lists it, `nox -s NAME` runs one.

Words after `--` go to the tool of the session: `nox -s tests -- -k drift`.
Each session installs requirements-lock.txt once and starts in seconds from
then on; a changed lock file, pyproject.toml or Python installs again.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import nox

nox.needs_version = ">=2024.4.15"
# uv where it is on the PATH, because it installs faster; pip does as well.
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "lint"]

ROOT = Path(__file__).resolve().parent
LOCK = "requirements-lock.txt"
BUILD = ROOT / "_build"

# MLflow counts its users and fetches a price catalogue unless it is told not
# to; nothing here may need the network.
QUIET = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_MODEL_CATALOG_URI": "",
}

# Packages with an upper bound in pyproject.toml, because we use their internals,
# and the tests that notice when these change.
BOUNDED = {"gunicorn": "tests/serving/run", "langchain-openai": "tests/llm/client"}

STRICT = ["--all", "-W", "-n", "--keep-going"]

# What repo2docker 2026.4 has installed before it reads our .binder/ folder.
BINDER_BASE = (
    "ipykernel==7.0.1",
    "jupyter_server==2.17.0",
    "jupyterhub==5.4.0",
    "jupyterlab==4.4.9",
    "notebook==7.4.7",
)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests and the docstrings' examples."""
    install_lock(session)
    if session.posargs:
        fetch_weights(session)
    else:
        # All tests need the book. Beside them its chapters would take twice as long.
        execute_chapters(session)
    # gunicorn is not for Windows, where these two cannot be imported.
    unix = ["gunicorn.py", "worker.py"] if sys.platform == "win32" else []
    ignored = [f"--ignore=companion/serving/run/{name}" for name in unix]
    workers = ["-n", str(min(4, os.cpu_count() or 1))]
    session.run("pytest", *workers, *ignored, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types, spelling, workflows, Docker's and other configuration."""
    install_lock(session)
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("lint-imports")
    session.run("codespell")
    session.run("zizmor", "--offline", "--quiet", ".github")
    if sys.platform != "win32":  # hadolint has no wheel for Windows
        session.run("hadolint", ".docker/Dockerfile")
    workflows = sorted(str(path) for path in Path(".github/workflows").glob("*.yml"))
    check_schema(session, "github-workflows", *workflows)
    check_schema(session, "dependabot", ".github/dependabot.yml")
    check_schema(session, "compose-spec", ".docker/compose.yaml")
    check_schema(session, "citation-file-format", "CITATION.cff")
    where = "import jupyter_book as b; print(b.__path__[0])"
    folder = str(session.run("python", "-c", where, silent=True)).strip()
    schema = f"{folder}/config_schema.json"
    session.run("check-jsonschema", "--schemafile", schema, "_config.yml")
    session.run("sphinx-etoc", "parse", "_toc.yml", silent=True)
    offline = {"VALIDATE_PYPROJECT_NO_NETWORK": "1"}
    session.run("validate-pyproject", "pyproject.toml", env=offline)


@nox.session
def book(session: nox.Session) -> None:
    """Build the HTML book from its chapters' results; any warning fails."""
    install_lock(session)
    html = build_html(session, *session.posargs)
    # The same pages meet a browser in `nox -s tests`.
    checks = ["pytest", "tests/book", "-m", "built and not browser"]
    session.run(*checks, env={"COMPANION_BOOK_HTML": str(html)})
    session.log(f"The book is in {html / 'index.html'}")


@nox.session(default=False)
def preview(session: nox.Session) -> None:
    """Show the book on localhost and rebuild what changes; Ctrl-C ends it."""
    install_lock(session)
    execute_chapters(session, success_codes=[0, 1])  # a chapter in the making may fail
    build = BUILD / "preview"  # a folder of its own: `book` needs a clean one
    never = [".git", ".nox", "_build", "conf.py", "dist", "tests"]
    conf = ROOT / "conf.py"  # Sphinx reads this; Jupyter Book writes it
    try:
        session.run(
            "sphinx-autobuild",
            *("--pre-build", "jupyter-book config sphinx ."),
            *(f"--ignore={ROOT / name}" for name in never),
            *("--re-ignore", r"__pycache__|\.pyc$|\.db(-wal|-shm|\.journal)?$|mlruns"),
            *("--port", "0", "-d", str(build / ".doctrees"), ".", str(build / "html")),
            *(session.posargs or ["--open-browser"]),
            # Jupyter Book finds our own extensions itself, plain Sphinx does not.
            env={"PYTHONPATH": str(ROOT / "book" / "_ext")},
        )
    finally:
        conf.unlink(missing_ok=True)


@nox.session(default=False)
def linkcheck(session: nox.Session) -> None:
    """Ask every address that the book links to; no chapter runs."""
    install_lock(session)
    execute = "execute_notebooks: force"
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    if execute not in config:
        session.error(f"_config.yml no longer says `{execute}`: change this session.")
    # Beside the original, because paths in it count from its own folder.
    quiet = ROOT / ".config-linkcheck.yml"
    quiet.write_text(config.replace(execute, 'execute_notebooks: "off"'), "utf-8")
    output = BUILD / "linkcheck"  # or it would write into the built book
    flags = ["--builder", "linkcheck", "--all", "--config", str(quiet)]
    flags += ["--path-output", str(output)]
    try:
        session.run("jupyter-book", "build", ".", *flags, *session.posargs)
    finally:
        quiet.unlink()


@nox.session(default=False)
def screenshots(session: nox.Session) -> None:
    """Take the pictures of MLflow's pages anew; `-- FOLDER` puts them elsewhere."""
    install_lock(session)
    session.run("python", "book/_screenshots/take.py", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure import time and requests per second, each beside its peer."""
    install_lock(session)
    fetch_weights(session)
    session.run("python", "tests/benchmarks/run.py", *session.posargs)


@nox.session(default=False, python="3.11", venv_backend="virtualenv", reuse_venv=False)
def binder(session: nox.Session) -> None:
    """Do what Binder does: a fresh environment from .binder/, every chapter run."""
    session.install(*BINDER_BASE)
    session.install("-r", ".binder/requirements.txt")
    session.run("pip", "check")
    # On Binder the clone is the home folder.
    home = Path(session.create_tmp()).resolve() / "home"
    copy_tracked(session, home)
    here = {"HOME": str(home), "JUPYTER_CONFIG_DIR": str(home / ".jupyter")}
    with session.chdir(home):
        session.run("./.binder/postBuild", external=True, env=here)
        viewer = home / ".jupyter/labconfig/default_setting_overrides.json"
        if "Jupytext Notebook" not in viewer.read_text(encoding="utf-8"):
            session.error("postBuild did not make chapters open as notebooks.")
        start = "./.binder/start"  # Binder runs each command through it
        chapters = [Path(word) for word in session.posargs] or executed_pages(home)
        for chapter in chapters:
            run = [
                "jupytext",
                "--execute",
                "--to",
                "ipynb",
                "--output",
                f"{chapter}.ipynb",
            ]
            session.run(start, *run, str(chapter), external=True, env=here)


@nox.session(default=False)
def newest(session: nox.Session) -> None:
    """Run tests and book with the newest versions; say which bounds can rise."""
    session.env.update(quiet_environment())
    session.install("--upgrade", "-e", ".[all]", "--group", "dev")
    fetch_weights(session)
    session.run("pytest", *session.posargs)
    execute_chapters(session)
    output = BUILD / "newest"
    shutil.rmtree(output, ignore_errors=True)
    session.run("jupyter-book", "build", ".", *STRICT, "--path-output", str(output))
    try_beyond_bounds(session)


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Renew lock file, Binder's and the image's pins; `-- --upgrade`: newer ones."""
    session.install("uv")
    plain = [
        "--no-emit-index-url",
        "--no-header",
        "--quiet",
        "--python-version",
        "3.11",
    ]
    session.run(
        *("uv", "pip", "compile", "pyproject.toml", "--all-extras", "--group", "dev"),
        *("--universal", "--generate-hashes", *plain, "-o", LOCK, *session.posargs),
    )
    session.run(
        *("uv", "pip", "compile", "pyproject.toml", "--all-extras"),
        *("--group", "chapters", "--python-platform", "x86_64-manylinux_2_28"),
        *("-c", LOCK, "--no-annotate", *plain, "-o", ".binder/requirements.txt"),
    )
    extras = [f"--extra={name}" for name in ("tracking", "serving", "fast", "postgres")]
    session.run(
        *("uv", "pip", "compile", "pyproject.toml", *extras, "--group", "image"),
        *("--universal", "--generate-hashes", "-c", LOCK, "--no-annotate", *plain),
        *("-o", ".docker/requirements.txt"),
    )


@nox.session(default=False)
def dist(session: nox.Session) -> None:
    """Build into dist/: wheel, source archive, the book offline as zip and PDF."""
    install_lock(session)
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    session.run("python", "-m", "build", "--no-isolation", *session.posargs)
    html = build_html(session)
    # Last, because the PDF needs a browser: where there is none it says so, and
    # the rest is there.
    session.run("python", "book/_offline/make.py", str(html), "dist")


def build_html(session: nox.Session, *flags: str) -> Path:
    """Execute the chapters and build the book from nothing; any warning fails."""
    execute_chapters(session)
    # Warm builds pass -W although pages are broken: only a clean build counts. What
    # chapters gave is kept in .executed, under a key of all that can change it.
    for leftover in ("html", ".doctrees", "jupyter_execute"):
        shutil.rmtree(BUILD / leftover, ignore_errors=True)
    session.run("jupyter-book", "build", ".", *STRICT, *flags)
    html = BUILD / "html"
    missing = [page for page in expected_pages() if not (html / page).is_file()]
    if missing:
        session.error(f"The build ended well, but these pages are missing: {missing}")
    return html


def install_lock(session: nox.Session) -> None:
    """Install the lock file and this package, unless the last run did."""
    session.env.update(quiet_environment())
    if sys.version_info < (3, 11) and session.python is None:
        session.error(
            f"nox runs on Python {sys.version.split()[0]}; this project needs 3.11, "
            "3.12 or 3.13. Install nox with one of those, or name one that is "
            "installed: nox --force-python 3.12 -s NAME"
        )
    stamp = Path(session.virtualenv.location, "locked")
    wanted = environment_digest()
    if stamp.is_file() and stamp.read_text() == wanted:
        session.debug("The environment is the lock file's: nothing to install.")
        return
    if session.name != "lint":
        # As pip does. Without it each chapter would compile what it imports, and
        # again each time where PYTHONDONTWRITEBYTECODE is set.
        session.env["UV_COMPILE_BYTECODE"] = "1"
    session.install("--require-hashes", "-r", LOCK)
    # The build backend is in the lock, so nothing unpinned is fetched.
    session.install("--no-deps", "--no-build-isolation", "-e", ".")
    stamp.write_text(wanted)


def quiet_environment() -> dict[str, str]:
    """Keep MLflow from asking the network, and a company's proxy from our servers.

    What a developer has set for the package, such as a store or a language model in
    use, is hidden: an empty variable counts as not set.
    """
    hidden = {
        name: ""
        for name in os.environ
        if name.startswith("COMPANION_")
        and not name.startswith(("COMPANION_BOOK_", "COMPANION_TEST_"))
        and name != "COMPANION_BROWSER"
    }
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    direct = ",".join(filter(None, [known, "127.0.0.1,localhost"]))
    return {**QUIET, **hidden, "no_proxy": direct, "NO_PROXY": direct}


def fetch_weights(session: nox.Session) -> None:
    """Have the language model in the user's cache; quick when it is there."""
    session.run("companion", "llm", "fetch")


def try_beyond_bounds(session: nox.Session) -> None:
    """Say of each package in BOUNDED whether its newest release passes our tests."""
    for name, tests in BOUNDED.items():
        allowed = installed_version(session, name)
        session.install("--upgrade", name)
        newest = installed_version(session, name)
        if newest == allowed:
            continue
        try:
            session.run("pytest", tests)
        except nox.command.CommandFailed:
            session.warn(f"{name} {newest} breaks {tests}: its bound must stay.")
        else:
            session.warn(f"{name} {newest} passes {tests}: its bound can rise.")


def installed_version(session: nox.Session, name: str) -> str:
    """Return the version of a package in the session's environment."""
    code = f"import importlib.metadata; print(importlib.metadata.version({name!r}))"
    return str(session.run("python", "-c", code, silent=True)).strip()


def execute_chapters(session: nox.Session, **options: Any) -> None:
    """Execute the chapters that have no kept result, as _config.yml explains."""
    fetch_weights(session)
    session.run("python", "book/_ext/run_chapters.py", **options)


def environment_digest() -> str:
    """Name all that an environment is made of, as one hash."""
    project = nox.project.load_toml(ROOT / "pyproject.toml")
    parts = [project["build-system"], project["project"], project["tool"]["hatch"]]
    digest = hashlib.sha256((ROOT / LOCK).read_bytes())
    digest.update(json.dumps(parts, sort_keys=True).encode())
    digest.update(str(ROOT).encode())  # the editable install points here
    return digest.hexdigest()


def check_schema(session: nox.Session, schema: str, *files: str) -> None:
    """Check files against a schema that check-jsonschema carries."""
    session.run(
        "check-jsonschema",
        "--default-filetype=yaml",
        f"--builtin-schema=vendor.{schema}",
        *files,
    )


def expected_pages() -> list[str]:
    """List the pages that _toc.yml promises, as paths in the built book."""
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    files = re.findall(r"^[\s-]*(?:root|file):\s*(\S+)", toc, flags=re.MULTILINE)
    return ["index.html", *(f"{Path(file).with_suffix('')}.html" for file in files)]


def executed_pages(root: Path) -> list[Path]:
    """List the book's pages that have cells to run, relative to `root`."""
    pages = sorted((root / "book").rglob("*.md"))
    return [
        page.relative_to(root)
        for page in pages
        if "\nkernelspec:" in page.read_text(encoding="utf-8")
    ]


def copy_tracked(session: nox.Session, target: Path) -> None:
    """Copy what a clone would hold, uncommitted changes included."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = session.run(*command, external=True, silent=True)
    for name in str(names).split("\0"):
        if name and Path(name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(name, target / name)
