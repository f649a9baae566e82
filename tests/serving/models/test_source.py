import os
import shutil

import pytest

from companion.errors import ModelError
from companion.serving.models.addresses import ModelPlace
from companion.serving.models.source import ModelSource


def test_a_model_that_cannot_be_loaded_is_tried_again_after_a_pause_only(
    rain_model, tmp_path
):
    folder = tmp_path / "late"
    now = 100.0
    source = ModelSource(folder, clock=lambda: now)
    with pytest.raises(ModelError) as first:
        source.get()
    shutil.copytree(rain_model, folder)

    now = 100.9
    with pytest.raises(ModelError) as second:
        source.get()

    assert second.value is first.value
    now = 101.0
    assert source.get().folder.name == "rain"
    shutil.rmtree(folder)
    assert source.get().folder.name == "rain"


def test_a_proven_model_is_found_again_behind_a_link_that_was_switched(
    rain_model, tmp_path
):
    link = tmp_path / "current"
    link.symlink_to(rain_model)
    proven = ModelSource(link).prove()
    link.unlink()
    link.symlink_to(tmp_path)

    place = proven.find()

    assert place == ModelPlace(path=rain_model, name="rain", version="3")
    assert ModelSource(place).get().folder.version == "3"


@pytest.mark.parametrize(
    "change", ["touched", "longer", "one more", "one less", "gone"]
)
def test_a_proven_model_whose_folder_was_changed_is_not_found(
    rain_model, tmp_path, change
):
    folder = shutil.copytree(rain_model, tmp_path / "rain")
    proven = ModelSource(folder).prove()
    assert proven.find() is not None

    if change == "touched":
        os.utime(folder / "model.skops", (0, 0))
    elif change == "longer":
        status = (folder / "MLmodel").stat()
        with (folder / "MLmodel").open("a") as file:
            file.write("# one more line")
        os.utime(folder / "MLmodel", ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "one more":
        (folder / "code").mkdir()
        (folder / "code" / "new.py").write_text("")
    elif change == "one less":
        (folder / "input_example.json").unlink()
    else:
        shutil.rmtree(folder)

    assert proven.find() is None


def test_what_python_compiles_in_a_folder_does_not_change_it(rain_model, tmp_path):
    folder = shutil.copytree(rain_model, tmp_path / "rain")
    proven = ModelSource(folder).prove()
    (folder / "code" / "__pycache__").mkdir(parents=True)
    (folder / "code" / "__pycache__" / "new.pyc").write_text("")

    assert proven.find() is not None


def test_a_folder_that_changes_while_it_is_loaded_is_never_found(
    rain_model, tmp_path, monkeypatch
):
    from companion.serving.models import source

    folder = shutil.copytree(rain_model, tmp_path / "rain")
    load = source.load_model

    def load_and_change(path, **engine):
        model = load(path, **engine)
        (folder / "model.skops").write_bytes(b"half of the next")
        return model

    monkeypatch.setattr(source, "load_model", load_and_change)
    proven = ModelSource(folder).prove()

    assert proven.find() is None


def test_a_place_may_name_its_model(rain_model):
    source = ModelSource(ModelPlace(path=rain_model, name="wet", version="12"))

    folder = source.get().folder

    assert (folder.name, folder.version) == ("wet", "12")
