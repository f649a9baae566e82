import shutil

import pytest
import yaml

from companion.serving.models.folder import read_model_folder
from companion.serving.run.greeting import describe_checks


@pytest.fixture
def changed(rain_model, tmp_path):
    """A function that copies the folder of the tests, with its MLmodel changed."""

    def make(change, *, example=True):
        folder = shutil.copytree(rain_model, tmp_path / "my model")
        conf = yaml.safe_load((folder / "MLmodel").read_text())
        change(conf)
        (folder / "MLmodel").write_text(yaml.safe_dump(conf))
        if not example:
            for path in folder.glob("*example.json"):
                path.unlink()
        return folder, read_model_folder(folder)

    return make


def test_a_whole_folder_lacks_nothing(rain_model):
    said = describe_checks(rain_model, read_model_folder(rain_model))

    assert said == "  checks of a row    types of 3 columns, 3 ranges\n"


def test_missing_ranges_are_said_with_the_command_that_adds_them(changed):
    path, folder = changed(lambda conf: conf.pop("metadata"))

    said = describe_checks(path, folder)

    assert said.splitlines()[0] == "  checks of a row    types of 3 columns"
    assert (
        f"It has no ranges: implausible numbers are answered. Add them with "
        f"`companion profile '{path}' --data FILE`." in said
    )


def test_one_missing_range_is_named(changed):
    path, folder = changed(
        lambda conf: conf["metadata"]["companion"]["ranges"].pop("wind_ms")
    )

    said = describe_checks(path, folder)

    assert "types of 3 columns, 2 ranges" in said
    assert "It has no range for wind_ms: " in said


def test_a_model_of_a_registry_is_to_be_logged_again(changed):
    _, folder = changed(lambda conf: conf.pop("metadata"))

    said = describe_checks("models:/rain@champion", folder)

    assert "training_metadata(data)" in said
    assert "companion profile" not in said


def test_a_missing_signature_and_example_are_said(changed):
    path, folder = changed(lambda conf: conf.pop("signature"), example=False)

    said = describe_checks(path, folder)

    assert "columns and types as in the first rows" in said
    assert "It has no signature" in said
    assert "--example FILE" in said
    assert "no range" not in said
