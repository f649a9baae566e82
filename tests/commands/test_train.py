import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from companion.cli import main
from companion.commands import train
from companion.terrace import Interval

DATA = Path(__file__).parents[2] / "data" / "seattle_weather.csv"


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], Path]:
    place = tmp_path_factory.mktemp("train")
    result = subprocess.run(
        [sys.executable, "-m", "companion", "train", "--out", "my models/terrace"],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return result, place


def test_it_says_how_the_model_did_against_the_naive_rule(trained):
    """AUC and accuracy are those of a trial before this code was written."""
    result, _ = trained

    assert result.returncode == 0, result.stderr
    assert "Trained on 725 days, judged on the 365 days of 2014" in result.stdout
    table = dict(
        re.findall(r"^  (\S.*?\S) {2,}(.*)$", result.stdout, flags=re.MULTILINE)
    )
    assert table["accuracy"].split() == ["0.72", "0.74"]
    assert float(table["AUC"].split()[0]) == pytest.approx(0.78, abs=0.015)
    assert "cost, EUR a day" in table
    assert "95% interval" in result.stdout


def test_the_difference_in_cost_agrees_with_the_two_costs(trained):
    result, _ = trained

    model, naive = re.search(r"EUR a day +(\S+) +(\S+)", result.stdout).groups()
    amount, word = re.search(r"A day costs (\S+) EUR (\w+)", result.stdout).groups()
    assert word == ("more" if float(model) > float(naive) else "less")
    assert float(amount) == pytest.approx(abs(float(model) - float(naive)), abs=0.11)


def test_it_says_what_to_run_next_with_the_path_quoted(trained):
    result, place = trained

    assert result.stdout.endswith("Next: companion serve 'my models/terrace'\n")
    assert (place / "my models" / "terrace" / "MLmodel").is_file()


def test_progress_goes_to_standard_error_and_nothing_else_does(trained):
    result, _ = trained

    assert len(result.stderr.splitlines()) == 2
    assert "…" in result.stderr
    assert "Warning" not in result.stderr


def test_it_leaves_only_the_model_behind(trained):
    _, place = trained

    folders = [path for path in place.rglob("*") if path.is_dir()]
    files = [path for path in place.rglob("*") if path.is_file()]

    assert folders == [place / "my models", place / "my models" / "terrace"]
    assert {path.parent for path in files} == {place / "my models" / "terrace"}


def test_own_data_year_and_version_are_taken(tmp_path, capsys):
    folder = tmp_path / "model"

    code = main(
        [
            *("train", "--out", str(folder), "--data", str(DATA)),
            *("--test-year", "2015", "--model-version", "2"),
        ]
    )

    out = capsys.readouterr().out
    assert code == 0
    # 366 + 365 + 365 days less the first six; the last day has no label.
    assert "Trained on 1090 days, judged on the 364 days of 2015" in out
    description = yaml.safe_load((folder / "MLmodel").read_text())
    assert description["metadata"]["companion"]["version"] == "2"


@pytest.mark.parametrize(
    ("low", "high", "word", "open_question"),
    [
        (0.7, 8.5, "more", False),
        (-9.0, -0.1, "less", False),
        (-0.5, 4.0, "more", True),
        (-4.0, 0.0, "less", True),
    ],
)
def test_an_interval_that_holds_zero_leaves_open_which_is_cheaper(
    low, high, word, open_question
):
    interval = Interval(mean=(low + high) / 2, low=low, high=high, level=0.95)

    sentence = train._describe_difference(interval)

    assert f"EUR {word} with the model" in sentence
    assert ("do not tell which is cheaper" in sentence) == open_question


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--out", "there"], "there exists already"),
        (["--out", "new", "--data", "nowhere.csv"], "there is no file nowhere.csv"),
        (["--out", "new", "--test-year", "1999"], "no days to learn from"),
        (["--out", "new", "--model-version", ""], "version is empty"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_writes_nothing(
    tmp_path, monkeypatch, capsys, arguments, expected
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()

    code = main(["train", *arguments])

    captured = capsys.readouterr()
    error = captured.err.splitlines()[-1]
    assert code == 1
    assert error.startswith("Error: ")
    assert expected in error
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--out", "there"], "there exists already"),
        (["--out", "new", "--model-version", " "], "version is empty"),
    ],
)
def test_a_model_that_could_not_be_saved_is_not_trained(tmp_path, arguments, expected):
    """In a process of its own, to see that pandas and scikit-learn are not loaded."""
    (tmp_path / "there").mkdir()
    code = (
        "import sys\n"
        "from companion.cli import main\n"
        f"code = main(['train', *{arguments!r}])\n"
        "heavy = {'mlflow', 'pandas', 'sklearn'} & set(sys.modules)\n"
        "print(code, sorted(heavy))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout == "1 []\n"
    [error] = done.stderr.splitlines()  # and not that it trains
    assert expected in error


def test_without_a_folder_to_write_to_it_asks_for_one(capsys):
    assert main(["train"]) == 2

    assert "Missing option '--out'" in capsys.readouterr().err
