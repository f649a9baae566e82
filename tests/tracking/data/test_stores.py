"""A store gives back what was added, or says what is wrong."""

import json
import secrets
from pathlib import Path

import pandas as pd
import pytest

from companion.errors import DataError, DataStoreError, SettingError
from companion.tracking.data import DataStore, fingerprint

DATA = Path(__file__).parents[3] / "data"
OLD, NEW = DATA / "seattle_weather.csv", DATA / "seattle_weather_corrected.csv"


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path) -> DataStore:
    """A folder, and an address that only fsspec knows."""
    if request.param == "folder":
        return DataStore(tmp_path / "store")
    return DataStore(f"memory://{secrets.token_hex(6)}/store")


def test_a_version_comes_back_byte_for_byte(store, tmp_path):
    version, is_new = store.add(OLD, name="weather", note="as published")

    path = store.get(store.find(version.address), tmp_path / "deep" / "back.csv")

    assert is_new
    assert path.read_bytes() == OLD.read_bytes()
    assert (version.fingerprint, version.note) == (fingerprint(OLD), "as published")
    with store.reading(version) as reading:
        assert reading.read_bytes() == OLD.read_bytes()


def test_two_versions_of_one_name_are_told_apart(store):
    first, _ = store.add(OLD, name="weather")
    second, _ = store.add(NEW, name="weather")

    assert store.find("weather") == second
    assert store.find(first.address) == first
    assert store.find(f"weather@{first.fingerprint.sha256}") == first
    assert store.versions() == store.versions("weather") == [first, second]
    assert store.names() == ["weather"]


def test_the_same_content_is_one_version_in_whatever_file(store, tmp_path):
    frame = pd.DataFrame({"x": range(50)})
    frame.to_parquet(tmp_path / "a.parquet", compression="gzip")
    first, was_new = store.add(frame, name="x", note="first")

    again, is_new = store.add(tmp_path / "a.parquet", name="x", note="again")

    assert (was_new, is_new) == (True, False)
    assert again == first
    assert first.source == "data frame"
    assert store.add(frame, name="other")[1]  # another dataset


def test_a_folder_comes_back_as_a_folder(store, tmp_path):
    folder = tmp_path / "rain"
    for year in (2025, 2026):
        (folder / f"year={year}").mkdir(parents=True)
        (folder / f"year={year}" / "part.csv").write_text(f"mm\n{year}\n")
    version, _ = store.add(folder, name="rain")

    back = store.get(version, tmp_path / "back")

    assert [one.path for one in version.files] == [
        "year=2025/part.csv",
        "year=2026/part.csv",
    ]
    assert fingerprint(back) == fingerprint(folder) == version.fingerprint
    store.verify(version)


def test_files_that_two_versions_share_are_kept_once(tmp_path):
    store, folder = DataStore(tmp_path / "store"), tmp_path / "days"
    folder.mkdir()
    (folder / "1.csv").write_text("a\n1\n")
    store.add(folder, name="days")
    (folder / "2.csv").write_text("a\n2\n")
    store.add(folder, name="days")

    kept = [p for p in (tmp_path / "store" / "objects").rglob("*") if p.is_file()]
    assert len(kept) == 2
    assert len(store.versions("days")) == 2


def test_one_changed_byte_is_noticed(tmp_path):
    store = DataStore(tmp_path / "store")
    version, _ = store.add(OLD, name="weather")
    store.verify(version)
    (kept,) = (tmp_path / "store" / "objects").rglob("*.csv")
    content = bytearray(kept.read_bytes())
    content[30_000] ^= 1
    kept.write_bytes(content)

    with pytest.raises(
        DataStoreError, match=r"damaged: seattle_weather\.csv was added"
    ):
        store.verify(version)
    with pytest.raises(DataStoreError, match="damaged"):
        store.get(version, tmp_path / "back.csv")
    assert not (tmp_path / "back.csv").exists()
    assert not list(tmp_path.glob(".back*"))


def test_a_missing_file_is_noticed(tmp_path):
    store = DataStore(tmp_path / "store")
    version, _ = store.add(OLD, name="weather")
    next((tmp_path / "store" / "objects").rglob("*.csv")).unlink()

    with pytest.raises(DataStoreError, match="cannot be read"):
        store.verify(version)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_rows": 5}, "damaged: its files have the fingerprint"),
        ({"sha256": "0" * 64}, "damaged: its files have the fingerprint"),
    ],
)
def test_a_description_of_other_content_is_noticed(tmp_path, change, message):
    store = DataStore(tmp_path / "store")
    store.add(OLD, name="weather")
    rewrite(tmp_path, lambda kept: kept["fingerprint"].update(change))

    with pytest.raises(DataStoreError, match=message):
        store.verify(store.find("weather"))


@pytest.mark.parametrize(
    "path", ["../up.csv", "/up.csv", "a/../../up.csv", "..\\up.csv"]
)
def test_a_description_cannot_write_outside_its_folder(tmp_path, path):
    store = DataStore(tmp_path / "store")
    store.add(OLD, name="weather")
    rewrite(tmp_path, lambda kept: kept["files"][0].update(path=path))

    with pytest.raises(DataStoreError, match="lies outside the version"):
        store.find("weather")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda kept: kept.update(format=2), "in format 2; this companion reads 1"),
        (lambda kept: kept.pop("files"), "damaged description .* KeyError"),
    ],
)
def test_a_description_that_cannot_be_read_says_why(tmp_path, change, message):
    store = DataStore(tmp_path / "store")
    store.add(OLD, name="weather")
    rewrite(tmp_path, change)

    with pytest.raises(DataStoreError, match=message):
        store.versions()


def rewrite(tmp_path: Path, change) -> None:
    (path,) = (tmp_path / "store" / "versions").rglob("*.json")
    kept = json.loads(path.read_text())
    change(kept)
    path.write_text(json.dumps(kept))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("rain", "no dataset 'rain'; it has: weather"),
        ("../weather", r"no dataset '\.\./weather'"),
        ("weather@62", "too few characters"),
        (
            "weather@ffff",
            "weather@ffff fits no version. There are: weather@604e84c4f4cd",
        ),
    ],
)
def test_a_version_that_is_not_there_is_named(store, address, message):
    store.add(OLD, name="weather")

    with pytest.raises(DataStoreError, match=message):
        store.find(address)


@pytest.mark.parametrize("name", ["", "a/b", "a@b", ".a", "a b", "ä"])
def test_names_that_could_not_be_addressed_are_refused(store, name):
    with pytest.raises(SettingError, match="cannot be called"):
        store.add(OLD, name=name)


def test_what_exists_is_not_written_over(store, tmp_path):
    version, _ = store.add(OLD, name="weather")
    (tmp_path / "mine.csv").write_text("mine")

    with pytest.raises(DataStoreError, match="never written over"):
        store.get(version, tmp_path / "mine.csv")
    assert (tmp_path / "mine.csv").read_text() == "mine"


def test_data_that_change_meanwhile_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    path.write_text("a\n1\n")
    store = DataStore(tmp_path / "store")
    place = store._place
    upload = place.upload

    def write_and_upload(file: Path, name: str) -> None:
        upload(file, name)
        path.write_text("a\n1\n2\n")

    monkeypatch.setattr(place, "upload", write_and_upload)

    with pytest.raises(DataError, match="changed while it was added"):
        store.add(path, name="log")
    assert store.versions() == []


def test_a_killed_program_leaves_no_version(tmp_path):
    """What is written last, the description, has a name that nobody reads."""
    store = DataStore(tmp_path / "store")
    store.add(OLD, name="weather")
    (folder,) = (tmp_path / "store" / "versions").iterdir()
    (folder / ".half.json.0123").write_text("{")

    assert len(store.versions()) == 1


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense://x/y", "cannot be opened: Protocol not known: nonsense"),
        ("FILE/inside", "Not a directory"),
    ],
)
def test_a_place_that_cannot_be_used_is_named(tmp_path, address, message):
    (tmp_path / "file").write_text("")
    address = address.replace("FILE", str(tmp_path / "file"))

    with pytest.raises(DataStoreError, match=message):
        DataStore(address).add(OLD, name="weather")
