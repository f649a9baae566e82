"""A chapter is executed once for given content, and a failure is named at the end."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from building import ROOT, build_book, execute_chapters, jupyter_book
from small_book import CHAPTER, write_small_book

_PAGE = """\
---
file_format: mystnb
kernelspec: {display_name: Python 3, language: python, name: python3}
---

# A page

TEXT
"""
_PORT = """\
from companion.settings import SETTINGS

SETTINGS["port"].default"""
_NUMBERS = """\
from pathlib import Path

Path("../../data/numbers.csv").read_text()"""

Run = subprocess.CompletedProcess[str]


def cells(*sources: str) -> str:
    """Write a page with these cells."""
    blocks = (f"```{{code-cell}} ipython3\n{source}\n```" for source in sources)
    return _PAGE.replace("TEXT", "\n\n".join(blocks))


def write_project(folder: Path, **pages: str) -> Path:
    """Write a book with its own copies of the package, the data and the lock file."""
    module = folder / "book" / "module1"
    module.mkdir(parents=True)
    for name, text in pages.items():
        (module / f"{name}.md").write_text(text, encoding="utf-8")
    unread = shutil.ignore_patterns("__pycache__", "_static")
    for name in ("companion", "book/_ext"):
        shutil.copytree(ROOT / name, folder / name, ignore=unread)
    for name in ("_config.yml", "requirements-lock.txt", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "data").mkdir()
    (folder / "data" / "numbers.csv").write_text("1\n2\n")
    return folder


def variables(folder: Path) -> dict[str, str]:
    """Give the environment in which a book has its own package and results."""
    return {"PYTHONPATH": str(folder), "COMPANION_BOOK_EXECUTED": str(folder / "kept")}


def execute(folder: Path) -> Run:
    return execute_chapters(folder, **variables(folder))


def executed(done: Run) -> set[str]:
    """Name the pages that were executed, well or not."""
    return set(re.findall(r"^book/module1/(\w+)\.md …$", done.stdout, re.MULTILINE))


def outputs(folder: Path) -> str:
    """Give what the kept results show, all together."""
    notebooks = map(json.loads, (p.read_text() for p in folder.glob("kept/*.ipynb")))
    return str([cell.get("outputs") for one in notebooks for cell in one["cells"]])


@pytest.fixture(scope="module")
def warm(tmp_path_factory) -> Path:
    """Two pages that were executed."""
    pages = {"port": cells(_PORT), "numbers": cells(_NUMBERS)}
    folder = write_project(tmp_path_factory.mktemp("warm") / "copy", **pages)
    done = execute(folder)
    assert done.returncode == 0, done.stdout
    assert executed(done) == {"port", "numbers"}
    return folder


@pytest.fixture
def copy(warm, tmp_path) -> Path:
    return shutil.copytree(warm, tmp_path / "elsewhere")


def add(line: str) -> Callable[[str], str]:
    return lambda text: f"{text}{line}\n"


def test_what_nothing_changed_for_is_not_executed_again(copy):
    done = execute(copy)

    assert done.returncode == 0
    assert executed(done) == set()
    assert "8000" in outputs(copy)


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("companion/settings.py", {"port", "numbers"}),
        ("data/numbers.csv", {"port", "numbers"}),
        ("book/_ext/quiz.py", {"port", "numbers"}),
        ("requirements-lock.txt", {"port", "numbers"}),
        ("LICENSE", {"port", "numbers"}),
        ("book/module1/numbers.md", set()),  # a line of prose
    ],
)
def test_a_changed_file_executes_all_that_may_read_it(copy, name, again):
    path = copy / name
    path.write_text(path.read_text("utf-8") + "# 3\n", "utf-8")

    done = execute(copy)

    assert done.returncode == 0, done.stdout
    assert executed(done) == again
    assert ("# 3" in outputs(copy)) == (name == "data/numbers.csv")


def test_a_changed_cell_executes_its_page_and_no_other(copy):
    page = copy / "book" / "module1" / "port.md"
    page.write_text(page.read_text().replace(".default", ".default * 2"))

    done = execute(copy)

    assert executed(done) == {"port"}
    assert "80008000" in outputs(copy)


def test_a_broken_package_fails_although_every_page_was_executed_before(copy):
    with (copy / "companion" / "settings.py").open("a") as file:
        file.write('\nraise RuntimeError("the harbour is closed")\n')

    done = execute(copy)

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("FAILED: book/module1/port.md, ")
    assert "RuntimeError: the harbour is closed" in done.stdout.splitlines()[-1]


def test_all_that_fails_is_named_in_the_last_lines_and_the_rest_is_kept(tmp_path):
    pages = {
        "fine": cells("1 + 1"),
        "wrong": cells("1", "half = 1 / 2\n\nhalf / 0", "2"),
        "dead": cells("import os\n\nos._exit(1)"),
        "slow": cells("while True: pass"),
        "shown": cells(":tags: [raises-exception]\n1 / 0"),
    }
    folder = write_project(tmp_path / "copy", **pages)
    config = folder / "_config.yml"
    config.write_text(config.read_text().replace("timeout: 300", "timeout: 2"))

    done = execute(folder)

    assert done.returncode == 1
    dead, slow, wrong = sorted(done.stdout.splitlines()[-3:])
    assert dead.startswith("FAILED: book/module1/dead.md, cell 1 (line 9, `import os`)")
    assert "DeadKernelError" in dead
    assert slow.startswith("FAILED: book/module1/slow.md, cell 1 (line 9, `while True")
    assert "CellTimeoutError" in slow
    assert wrong == (
        "FAILED: book/module1/wrong.md, cell 2 (line 13, `half = 1 / 2`): "
        "ZeroDivisionError: float division by zero"
    )
    assert executed(execute(folder)) == {"dead", "slow", "wrong"}


@pytest.mark.skipif(os.cpu_count() == 1, reason="two at a time where cores allow")
def test_two_pages_are_executed_at_a_time(tmp_path):
    """Each waits for the other, so that one alone would fail."""
    meet = (
        "import time\nfrom pathlib import Path\n\n"
        f"here, there = Path('{tmp_path}/HERE'), Path('{tmp_path}/THERE')\n"
        "here.touch()\nend = time.monotonic() + 30\n"
        "while not there.exists():\n    assert time.monotonic() < end"
    )
    pages = {
        "left": cells(meet.replace("THERE", "right").replace("HERE", "left")),
        "right": cells(meet.replace("THERE", "left").replace("HERE", "right")),
    }

    done = execute(write_project(tmp_path / "copy", **pages))

    assert done.returncode == 0, done.stdout


def test_two_pages_that_run_the_language_model_are_executed_one_by_one(tmp_path):
    alone = (
        "import time\nfrom pathlib import Path\n\n"
        f"mark = Path('{tmp_path}/mark')\nmark.touch(exist_ok=False)\n"
        "time.sleep(0.5)\nmark.unlink()  # local_model()"
    )
    pages = {name: cells(alone) for name in ("first", "second")}

    done = execute(write_project(tmp_path / "copy", **pages))

    assert done.returncode == 0, done.stdout


def test_a_page_that_takes_long_is_a_warning_after_the_seconds_of_each(copy):
    """As long as it took when it was executed; this run only reads it."""
    for path in copy.glob("kept/*.ipynb"):
        kept = json.loads(path.read_text())
        if "SETTINGS" in path.read_text():
            kept["metadata"]["seconds"] = 60.6
        path.write_text(json.dumps(kept))

    done = execute(copy)

    assert done.returncode == 0
    *_, first, second, warning = done.stdout.splitlines()
    assert first == "   60.6  book/module1/port.md"
    assert second.endswith("  book/module1/numbers.md")
    assert warning == "WARNING: book/module1/port.md takes more than 60 s"


def test_a_build_shows_the_kept_result_and_executes_nothing_again(tmp_path):
    """The page draws a number when it is executed."""
    drawn = (
        "```{code-cell} ipython3\n"
        "import uuid\n\nfrom myst_nb import glue\n\n"
        'glue("small-number", f"number {uuid.uuid4()}")\n'
        "```\n\nAgain: {glue:text}`small-number`."
    )
    chapter = CHAPTER.replace("## Exercises\n", f"{drawn}\n\n## Exercises\n")
    folder = write_small_book(tmp_path / "copy", chapter=chapter)

    done = build_book(folder, COMPANION_BOOK_EXECUTED=str(folder / "kept"))

    assert done.returncode == 0, done.stdout
    page = (folder / "_build/html/book/module1/small.html").read_text("utf-8")
    in_output, in_sentence = re.findall(r"number [0-9a-f-]{36}", page)
    assert in_output == in_sentence
    assert in_output in outputs(folder)


def test_a_build_executes_what_has_no_kept_result(copy):
    """Nobody executed the chapters ahead since the package was broken."""
    (copy / "companion" / "settings.py").write_text("1 / 0\n")
    (copy / "_toc.yml").write_text("format: jb-book\nroot: book/module1/port\n")
    (copy / "book" / "references.bib").touch()

    done = jupyter_book(copy, **variables(copy))

    assert done.returncode != 0
    assert "ZeroDivisionError" in done.stdout
