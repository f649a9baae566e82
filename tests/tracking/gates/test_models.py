from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from companion.contract.notes import CompanionNotes
from companion.contract.signature import read_contract
from companion.errors import DataError, ModelError
from companion.tracking.gates.models import (
    GateModel,
    label_texts,
    load_gate_model,
    time_models,
)

NUMBER = '[{"type": "double", "name": "x", "required": true}]'
ROWS = pd.DataFrame({"x": [1.0, 2.0, 3.0]})


def make_model(answer, *, classes=(), inputs=NUMBER):
    def predict(features):
        return answer(features) if callable(answer) else answer

    return GateModel(
        path=Path(),
        name="price",
        version="4",
        contract=read_contract(inputs),
        notes=CompanionNotes(),
        predict=predict,
        classes=classes,
    )


def ask(answer, *, classes=(), task=None):
    return make_model(answer, classes=classes).ask(ROWS, task=task)


def test_numbers_are_numbers_and_texts_and_truths_are_classes():
    assert ask(np.array([1.5, 2, 3])).numbers.tolist() == [1.5, 2.0, 3.0]
    assert ask(pd.DataFrame({"y": [1, 2, 3]})).numbers.tolist() == [1.0, 2.0, 3.0]
    assert ask(["a", "b", "a"]).labels.tolist() == ["a", "b", "a"]
    assert ask(np.array([True, False, True])).labels.tolist() == [
        "true",
        "false",
        "true",
    ]


def test_numbers_of_a_classifier_are_labels():
    said = ask(np.array([0, 1, 1]), classes=("0", "1"))

    assert said.numbers is None
    assert said.labels.tolist() == ["0", "1", "1"]
    assert said.probabilities is None


def test_the_rules_may_say_that_numbers_are_classes():
    assert ask(np.array([0, 1, 1]), task="classes").labels.tolist() == ["0", "1", "1"]


def test_probabilities_have_the_names_of_the_classes():
    said = ask(np.array([[0.7, 0.3], [0.2, 0.8], [0.5, 0.5]]), classes=("dry", "wet"))

    assert said.classes == ("dry", "wet")
    assert said.labels.tolist() == ["dry", "wet", "dry"]


def test_a_single_probability_is_that_of_the_second_class():
    """XGBoost's own trees answer so; the rules must say that it is no price."""
    said = ask(np.array([0.25, 0.5, 0.75]), task="classes")

    assert said.classes == ("0", "1")
    assert said.probabilities[:, 1].tolist() == [0.25, 0.5, 0.75]


@pytest.mark.parametrize(
    ("answer", "task", "expected"),
    [
        (np.array([1.0, 2.0]), None, r"3 rows with the shape \(2,\)"),
        (np.ones((3, 2, 2)), None, r"the shape \(3, 2, 2\)"),
        ([[1], [2, 3], [4]], None, "with the shape"),
        (np.array([1.0, np.nan, 2.0]), None, "no finite answer"),
        (np.array([[3.0, 4.0]] * 3), None, "are no probabilities"),
        (np.array([[1, 0]] * 3), None, "are no probabilities"),
        (["a", "b", "c"], "numbers", "answers with 'a', which is no number"),
        (np.array([1.5, 20.0, 3.0]), "classes", "are no probabilities"),
    ],
)
def test_an_answer_that_cannot_be_compared_is_named(answer, task, expected):
    with pytest.raises(ModelError, match=f"price, version 4.*{expected}"):
        ask(answer, task=task)


def test_a_model_that_fails_is_named():
    def fail(_):
        raise KeyError("wind")

    with pytest.raises(
        ModelError, match="price, version 4 does not answer the data: K"
    ):
        ask(fail)


def test_a_column_that_the_data_lacks_is_named():
    with pytest.raises(DataError, match=r"no column 'x'.*columns of both models"):
        make_model([1]).features(pd.DataFrame({"z": [1.0]}))


def test_whole_numbers_and_truths_reach_the_model_as_numpy_knows_them():
    """From a CSV file they are texts; pandas' own types stop many a library."""
    inputs = (
        '[{"type": "long", "name": "n", "required": true},'
        '{"type": "long", "name": "m", "required": false},'
        '{"type": "boolean", "name": "b", "required": true}]'
    )
    table = pd.DataFrame({"n": ["1", "2"], "m": ["3", ""], "b": ["true", "false"]})

    features = make_model([1], inputs=inputs).features(table)

    assert list(features.dtypes.astype(str)) == ["int64", "float64", "bool"]
    assert features["m"].isna().tolist() == [False, True]


def test_labels_have_one_name_however_they_are_written():
    assert label_texts([1, 1.0, True, "wet", np.float64(2.5)]).tolist() == [
        "1",
        "1",
        "true",
        "wet",
        "2.5",
    ]


def test_models_take_turns_and_are_timed_for_one_row():
    """A clock that each answer moves on: 2 ms of one model, 5 ms of the other."""
    now, asked = [0.0], []

    def take(name, seconds):
        def answer(features):
            asked.append((name, len(features)))
            now[0] += seconds
            return [0.0]

        return answer

    models = [make_model(take("a", 0.002)), make_model(take("b", 0.005))]

    one, other = time_models(models, ROWS, clock=lambda: now[0])

    assert one == pytest.approx([2.0] * 3)
    assert other == pytest.approx([5.0] * 3)
    assert asked[:4] == [("a", 1), ("b", 1), ("a", 1), ("b", 1)]
    assert len(asked) == 2 * (5 + 3)  # five turns to warm up


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"no file .*MLmodel, so it is no model"):
        load_gate_model(tmp_path)


def test_a_model_that_cannot_be_loaded_is_refused(tmp_path):
    (tmp_path / "MLmodel").write_text("flavors:\n  python_function: {loader_module: x}")

    with pytest.raises(ModelError, match="cannot be loaded"):
        load_gate_model(tmp_path)
