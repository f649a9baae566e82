"""What a contributor can run: `nox -l` lists it, `nox -s NAME` runs one.

Words after `--` go to the tool of the session: `nox -s tests -- -k drift`.
Each session installs requirements-lock.txt once and starts in seconds from
then on; a changed lock file, pyproject.toml or Python installs again.
"""

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
# uv where it is on the PATH, because it installs faster; pip does as well.
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "lint"]

ROOT = Path(__file__).resolve().parent
LOCK = "requirements-lock.txt"
HTML = ROOT / "_build" / "html"

# MLflow counts its users and fetches a price catalogue unless it is told not
# to; nothing here may need the network.
QUIET = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_MODEL_CATALOG_URI": "",
}

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
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types, spelling, workflows and configuration files."""
    install_lock(session)
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("codespell")
    session.run("zizmor", "--offline", "--quiet", ".github")
    workflows = sorted(str(path) for path in Path(".github/workflows").glob("*.yml"))
    check_schema(session, "github-workflows", *workflows)
    check_schema(session, "dependabot", ".github/dependabot.yml")
    check_schema(session, "citation-file-format", "CITATION.cff")
    where = "import jupyter_book as b; print(b.__path__[0])"
    folder = str(session.run("python", "-c", where, silent=True)).strip()
    schema = f"{folder}/config_schema.json"
    session.run("check-jsonschema", "--schemafile", schema, "_config.yml")
    session.run("sphinx-etoc", "parse", "_toc.yml", silent=True)


@nox.session
def book(session: nox.Session) -> None:
    """Build the HTML book: every chapter runs, any warning fails."""
    install_lock(session)
    # Warm builds pass -W although pages are broken, and the cache of executed
    # chapters does not look at companion/: only a clean build counts.
    for leftover in ("html", ".doctrees", ".jupyter_cache", "jupyter_execute"):
        shutil.rmtree(ROOT / "_build" / leftover, ignore_errors=True)
    flags = ["--all", "-W", "-n", "--keep-going", *session.posargs]
    session.run("jupyter-book", "build", ".", *flags)
    missing = [page for page in expected_pages() if not (HTML / page).is_file()]
    if missing:
        session.error(f"The build ended well but these pages are missing: {missing}")
    session.run(
        "pytest", "tests/book", "-m", "built", env={"COMPANION_BOOK_HTML": str(HTML)}
    )
    session.log(f"The book is in {HTML / 'index.html'}")


def install_lock(session: nox.Session) -> None:
    """Install the lock file and this package, unless the last run did."""
    session.env.update(QUIET)
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
    session.install("--require-hashes", "-r", LOCK)
    # The build backend is in the lock, so nothing unpinned is fetched.
    session.install("--no-deps", "--no-build-isolation", "-e", ".")
    stamp.write_text(wanted)


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
