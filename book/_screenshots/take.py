"""Takes the book's pictures of MLflow's pages, from real servers with real runs.

`python book/_screenshots/take.py [FOLDER]` runs Lab 1 up to its MLflow cells, and
`train.py`, shows what they stored in a browser, and writes the pictures where the pages
have them, or below FOLDER instead. `taken.toml` keeps MLflow's version and the month,
and a test compares the captions with it.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import jupytext
import mlflow
from nbclient import NotebookClient
from playwright.sync_api import Browser, Page, sync_playwright

from companion.tracking import mlflow_in_background

BOOK = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BOOK / "_offline"))
from browsers import REMEDY, find_browser  # noqa: E402 - the path comes first

LAB = BOOK / "module1" / "lab1.md"
LAST_CELL = "mlflow.search_runs()"
# Of each picture, in its own pixels: half as much again as the book's column has.
WIDTH = 1200
# As MLflow keeps what a user has chosen and closed.
SETTINGS = {
    "mlflow.workflowType_v1": "machine_learning",
    "mlflow.assistant.panelOpen_v1": False,
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
    "mlflow.detectIssues.guidanceShown_v1": True,
}
NOTE = "_screenshots/taken.toml"
COLUMNS_KEY = 'MLflowLocalStorage-1.1-ExperimentPage-["{}"]-ReactComponentState'


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One page to show, and what must be seen on it.

    Attributes
    ----------
    file : str
        Where the book has it, below its folder.
    address : str
        Of the page, after the server's.
    texts : tuple of str
        Must be on the page before the picture is taken.
    width, height : int
        Of the window. Text in a wide one is small in the book.
    columns : tuple of str
        Of the table of runs, as MLflow keeps the choice.
    act : callable
        What a user does on the page first.
    """

    file: str
    address: str
    texts: tuple[str, ...]
    height: int
    width: int = 1000
    columns: tuple[str, ...] = ()
    act: Callable[[Page], object] = lambda _: None


def main() -> None:
    """Take all pictures, and note with which MLflow and when."""
    target = Path(sys.argv[1]) if sys.argv[1:] else BOOK
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        scratch = Path(folder)
        with mlflow_in_background(run_lab(scratch)) as server:
            files = show(browser, str(server.url), pictures_of_lab(), target)
        with mlflow_in_background(scratch / "mlflow") as server:
            url = str(server.url)
            train(scratch / "project", url)
            files += show(browser, url, pictures_of_module_2(url), target)
    lines = "".join(f'  "{file}",\n' for file in files)
    note = (
        "# Written by `nox -s screenshots`; captions say the same.\n"
        f'mlflow = "{mlflow.__version__}"\n'
        f'month = "{datetime.now(UTC):%B %Y}"\n'
        f"pictures = [\n{lines}]\n"
    )
    (target / NOTE).parent.mkdir(parents=True, exist_ok=True)
    (target / NOTE).write_text(note, encoding="utf-8")


def pictures_of_lab() -> list[Picture]:
    """List the picture of Lab 1."""
    return [
        Picture(
            file="module1/lab1-mlflow.png",
            address="/#/experiments/1/runs",
            texts=("4 matching runs", "all nine, judged", "val_brier", "n_features"),
            height=450,
            width=1080,
            columns=(
                *metrics("extra_eur", "test_brier", "val_brier"),
                *params("n_features", "train_until"),
            ),
        )
    ]


def pictures_of_module_2(url: str) -> list[Picture]:
    """List the pictures of module 2; the server at `url` says how runs are called."""
    client = mlflow.MlflowClient(url)
    experiment = client.get_experiment_by_name("terrace").experiment_id
    best = client.get_model_version("terrace", "2").run_id
    runs = f"/#/experiments/{experiment}/runs"
    return [
        Picture(
            file="module2/mlflow-experiments.png",
            address=runs,
            texts=("4 matching runs", "all nine, weak penalty", "val_brier", "penalty"),
            height=450,
            columns=(
                *metrics("train_brier", "val_brier"),
                *params("features", "penalty"),
            ),
        ),
        Picture(
            file="module2/mlflow-run.png",
            address=f"{runs}/{best}",
            texts=("About this run", "train.py", "seattle-weather", "companion.seed"),
            height=750,
            width=1290,  # in a narrower one everything is in one long column
        ),
        Picture(
            file="module2/mlflow-compare.png",
            address=f"{runs}?compareRunsMode=CHART",
            texts=("4 matching runs", "train_brier", "val_brier"),
            height=700,
            width=1100,
            act=search_charts,
        ),
        Picture(
            file="module2/mlflow-model.png",
            address="/#/models/terrace",
            texts=("Version 3", "@ champion", "@ challenger", "companion.gate"),
            height=600,
        ),
        Picture(
            file="module2/mlflow-version.png",
            address="/#/models/terrace/versions/2",
            texts=("Version 2", "@ champion", "companion.gate.against", "Schema"),
            height=700,
        ),
    ]


def search_charts(page: Page) -> None:
    """Have the charts of metrics that are called Brier something, and no other."""
    search = page.get_by_placeholder("Search metric charts")
    search.fill("brier")
    search.blur()


def metrics(*names: str) -> list[str]:
    """Say as MLflow does that metrics are columns of the table of runs."""
    return [f"metrics.`{name}`" for name in names]


def params(*names: str) -> list[str]:
    """Say as MLflow does that parameters are columns of the table of runs."""
    return [f"params.`{name}`" for name in names]


def run_lab(scratch: Path) -> Path:
    """Run Lab 1 as far as its runs are stored; return the folder that it works in."""
    notebook = jupytext.read(LAB)
    wanted = [i for i, cell in enumerate(notebook.cells) if LAST_CELL in cell.source]
    del notebook.cells[wanted[0] + 1 :]
    where = {"metadata": {"path": str(LAB.parent)}}
    client = NotebookClient(notebook, timeout=300, resources=where)
    client.execute(env={**os.environ, "TMPDIR": str(scratch)})
    (database,) = scratch.glob("lab1-*/mlflow.db")
    return database.parent


def train(folder: Path, url: str) -> None:
    """Run `train.py` as Ada does: in a repository of its own, all of it committed."""
    folder.mkdir()
    shutil.copy2(Path(__file__).with_name("train.py"), folder)
    shutil.copy2(BOOK.parent / "requirements-lock.txt", folder)
    (folder / ".gitignore").write_text("data/\ndays-*.csv\ngate.*\n", encoding="utf-8")
    ada = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for git in (
        ["init", "-b", "main"],
        ["add", "."],
        [*ada, "commit", "-m", "Recipes"],
    ):
        subprocess.run(["git", *git], cwd=folder, check=True, capture_output=True)
    known = {"MLFLOW_TRACKING_URI": url, "LOGNAME": "ada", "COMPANION_ACTOR": "ada"}
    program = [sys.executable, "train.py"]
    subprocess.run(program, cwd=folder, check=True, env={**os.environ, **known})


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Open a headless browser."""
    program = find_browser()
    if program is None:
        sys.exit(f"The pictures need a browser: {REMEDY}.")
    with sync_playwright() as playwright:
        # A container's root may not make the sandbox, and its /dev/shm is small.
        safe_here = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=program, args=safe_here)
        yield browser
        browser.close()


def show(
    browser: Browser, url: str, pictures: Iterable[Picture], target: Path
) -> list[str]:
    """Take pictures of a server's pages; return the names of their files."""
    taken = []
    for picture in pictures:
        page = browser.new_page(
            viewport={"width": picture.width, "height": picture.height},
            device_scale_factor=WIDTH / picture.width,
            color_scheme="light",
            locale="en-US",
            timezone_id="UTC",
        )
        experiment = picture.address.split("/")[3]
        chosen = {COLUMNS_KEY.format(experiment): {"selectedColumns": picture.columns}}
        for key, value in {**SETTINGS, **chosen}.items():
            arguments = f"{json.dumps(key)}, {json.dumps(json.dumps(value))}"
            page.add_init_script(f"localStorage.setItem({arguments})")
        page.goto(f"{url}{picture.address}")
        page.get_by_role("button", name="Toggle sidebar").click()
        picture.act(page)
        for text in picture.texts:
            page.get_by_text(text).first.wait_for()
        page.wait_for_timeout(1500)  # what is still drawn or slides in
        file = target / picture.file
        file.parent.mkdir(parents=True, exist_ok=True)
        page.mouse.move(0, 0)
        page.screenshot(path=file)
        page.close()
        taken.append(picture.file)
    return taken


if __name__ == "__main__":
    main()
