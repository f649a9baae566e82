import shutil
import time

import pytest

from companion.errors import ModelError
from companion.serving.models.source import ModelSource


def test_a_model_that_cannot_be_loaded_is_tried_again_after_a_pause_only(
    rain_model, tmp_path
):
    folder = tmp_path / "late"
    source = ModelSource(folder)
    with pytest.raises(ModelError) as first:
        source.get()
    began = time.monotonic()
    shutil.copytree(rain_model, folder)

    with pytest.raises(ModelError) as second:
        source.get()

    assert time.monotonic() - began < 1  # else the machine was too slow to tell
    assert second.value is first.value
    time.sleep(1.1)
    assert source.get().folder.name == "rain"
    shutil.rmtree(folder)
    assert source.get().folder.name == "rain"
