import stat
import warnings

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from companion.cli import main
from companion.contract.ranges import Range
from companion.serving.models.loading import load_model
from companion.tracking import save_model_folder

FLATS = pd.DataFrame(
    {
        "area": np.arange(30.0) + 30,
        "rooms": np.arange(30) % 5,
        "zip": ["01067", "04109", "NA"] * 10,
        "new": [True, False] * 15,
        "price": np.arange(30) * 1000,
    }
)
INPUTS = FLATS.drop(columns="price")


def sign(inputs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whole numbers cannot be missing, it says
        return infer_signature(inputs, np.ones(1))


def save(folder, model=None, inputs=INPUTS, **options):
    if model is None:
        encode = make_column_transformer(
            (OneHotEncoder(), ["zip"]), remainder="passthrough"
        )
        model = make_pipeline(encode, Ridge()).fit(inputs, FLATS["price"])
    given = {
        "signature": sign(inputs),
        "input_example": inputs[:2],
        "pip_requirements": [],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(model, folder, **given | options)
    return folder


@pytest.fixture
def folder(tmp_path):
    return save(tmp_path / "flats")


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "train.csv"
    FLATS.to_csv(path, index=False)
    return path


def run(*arguments):
    return main(["profile", *map(str, arguments)])


def contract_of(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_model(folder).folder


def test_a_folder_of_mlflows_gets_ranges_and_a_profile(capsys, folder, data):
    assert run(folder, "--data", data) == 0

    found = contract_of(folder)
    ranges = {column.name: column.allowed for column in found.contract.columns}
    assert ranges == {
        "area": Range(15.5, 73.5),
        "rooms": Range(-2.0, 6.0),
        "zip": None,
        "new": None,
    }
    assert found.profile["rooms"] == {
        "kind": "number",
        "edges": [0.0, 1.0, 2.0, 3.0, 4.0, 4.0],
        "counts": dict.fromkeys("01234", 6),
    }
    # As text: a number would have lost its zero, and NA is no missing value.
    assert found.profile["zip"]["values"] == ["01067", "04109", "NA"]
    assert found.profile["new"]["counts"] == {"0": 15, "1": 15}
    shown = capsys.readouterr().out
    assert "area    from 15.5 to 73.5" in shown
    assert "01067, 04109, NA" in shown
    assert "not of the model: price." in shown
    assert shown.endswith(f"Written to {folder / 'MLmodel'}.\n")


def test_csv_and_parquet_give_the_same(tmp_path, data):
    one, other = save(tmp_path / "one"), save(tmp_path / "other")
    FLATS.astype({"zip": "category"}).to_parquet(tmp_path / "train.parquet")

    assert run(one, "--data", data) == 0
    assert run(other / "MLmodel", "--data", tmp_path / "train.parquet") == 0

    notes = [
        yaml.safe_load((folder / "MLmodel").read_text())["metadata"]
        for folder in (one, other)
    ]
    assert notes[0] == notes[1]


@pytest.mark.parametrize("metadata", [None, {"team": "Häuser", "n": [1, 2]}])
def test_everything_else_in_the_file_stays_to_the_letter(tmp_path, data, metadata):
    folder = save(tmp_path / "flats", metadata=metadata)
    path = folder / "MLmodel"
    path.chmod(0o640)
    before = path.read_text().splitlines()
    conf = yaml.safe_load(path.read_text())
    names = sorted(one.name for one in folder.iterdir())

    assert run(folder, "--data", data) == 0

    after = path.read_text().splitlines()
    starts = [i for i, line in enumerate(before) if line.startswith("metadata:")]
    start = starts[0] if starts else len(before)
    end = start + 1
    while end < len(before) and before[end].startswith((" ", "-")):
        end += 1
    assert after[:start] == before[:start]
    assert before[end:] == after[len(after) - len(before[end:]) :]
    changed = yaml.safe_load(path.read_text())
    ours = changed["metadata"].pop("companion")
    assert changed["metadata"] == (metadata or {})
    assert {**changed, "metadata": metadata} == {"metadata": None, **conf}
    assert set(ours) == {"name", "version", "ranges", "profile"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(one.name for one in folder.iterdir()) == names


def test_ranges_and_names_that_are_there_stay_unless_they_are_to_be_replaced(
    capsys, tmp_path
):
    inputs = FLATS[["area", "rooms"]]
    folder = save_model_folder(
        LinearRegression().fit(inputs, FLATS["price"]),
        tmp_path / "flats",
        name="flats",
        version="4",
        features=inputs,
        ranges={"area": (0, 500), "rooms": (0, 20)},
    )
    data = tmp_path / "new.csv"
    inputs.assign(area=inputs["area"] * 1.5).to_csv(data, index=False)

    assert run(folder, "--data", data) == 0
    kept = contract_of(folder)
    assert "from 0 to 500 (kept)" in capsys.readouterr().out
    assert run(folder, "--data", data, "--replace-ranges") == 0
    replaced = contract_of(folder)

    assert kept.contract.columns[0].allowed == Range(0, 500)
    assert replaced.contract.columns[0].allowed == Range(23.25, 110.25)
    assert (replaced.name, replaced.version) == ("flats", "4")
    assert kept.profile["area"]["edges"][0] == 45.0


def test_a_dry_run_writes_nothing(capsys, folder, data):
    before = (folder / "MLmodel").read_bytes()

    assert run(folder, "--data", data, "--dry-run") == 0

    assert (folder / "MLmodel").read_bytes() == before
    assert "Nothing was written." in capsys.readouterr().out


def test_any_kind_of_model_can_be_profiled(tmp_path, data):
    xgboost = pytest.importorskip("xgboost")
    inputs = FLATS[["area", "rooms"]]
    model = xgboost.XGBRegressor(n_estimators=2).fit(inputs, FLATS["price"])
    folder = tmp_path / "boosted"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.xgboost.save_model(
            model,
            folder,
            signature=sign(inputs),
            input_example=inputs[:2],
            pip_requirements=[],
        )

    assert run(folder, "--data", data) == 0

    assert contract_of(folder).contract.columns[0].allowed == Range(15.5, 73.5)


def test_missing_values_of_optional_columns_are_counted(tmp_path):
    inputs = pd.DataFrame({"area": [1.0, 2, 3, 4], "age": [np.nan, 5, 6, 7]})
    folder = save(tmp_path / "flats", LinearRegression(), inputs)
    data = tmp_path / "train.csv"
    inputs.to_csv(data, index=False)

    assert run(folder, "--data", data) == 0

    ours = yaml.safe_load((folder / "MLmodel").read_text())["metadata"]["companion"]
    assert ours["profile"]["age"]["counts"]["missing"] == 1
    assert ours["ranges"]["age"] == [4.0, 8.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda data: data.rename(columns={"area": "Area"}),
            "it has Area, rooms, zip, new, price. Is it called 'Area' there?",
        ),
        (lambda data: data.assign(area="big"), "column 'area' does not hold"),
        (lambda data: data.assign(rooms=1.5), "column 'rooms' does not hold"),
        (lambda data: data.assign(new="maybe"), "a model takes, true or false|'maybe'"),
        (lambda data: data.assign(area=np.inf), "'area' has no finite range"),
        (lambda data: data.assign(area=9.0), "own example does not fit the ranges"),
        (lambda data: data[:0], "0 rows"),
    ],
)
def test_data_that_does_not_fit_is_refused_with_a_hint(
    capsys, folder, tmp_path, change, message
):
    path = tmp_path / "train.csv"
    change(FLATS).to_csv(path, index=False)
    before = (folder / "MLmodel").read_bytes()

    assert run(folder, "--data", path) == 1

    *_, sentence = capsys.readouterr().err.strip().splitlines()  # MLflow says more
    assert any(part in sentence for part in message.split("|")), sentence
    assert (folder / "MLmodel").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("nowhere.csv", None),
        ("empty.csv", b""),
        ("binary.csv", b"\xff\xfe\x00" * 9),
        ("text.parquet", b"area\n1\n"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    capsys, folder, tmp_path, name, content
):
    if content is not None:
        (tmp_path / name).write_bytes(content)

    assert run(folder, "--data", tmp_path / name) == 1

    *_, sentence = capsys.readouterr().err.strip().splitlines()  # MLflow says more
    assert name in sentence
    assert "CSV" in sentence


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"signature": False, "input_example": None}, "has no signature"),
        (
            {
                "signature": sign(np.ones((2, 2))),
                "input_example": None,
            },
            "which have no ranges",
        ),
    ],
)
def test_a_model_without_named_columns_is_refused(
    capsys, tmp_path, data, options, message
):
    inputs = FLATS[["area", "rooms"]]
    folder = save(tmp_path / "array", LinearRegression(), inputs, **options)

    assert run(folder, "--data", data) == 1

    assert message in capsys.readouterr().err


def test_what_is_no_folder_is_refused(capsys, tmp_path, data):
    assert run("models:/flats@champion", "--data", data) == 1
    assert "a model of a registry is logged again" in capsys.readouterr().err
    assert run(tmp_path, "--data", data) == 1
    assert "no model folder" in capsys.readouterr().err
