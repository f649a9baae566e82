import shutil

import pytest

from companion.errors import ModelError
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
