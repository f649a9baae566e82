from dataclasses import replace

import pytest
import yaml

from companion.contract.notes import CompanionNotes
from companion.contract.profile import ColumnProfile
from companion.contract.ranges import Range
from companion.errors import ModelError

# As the first version of this package wrote it.
METADATA = """
companion:
  name: rain
  ranges:
    rain_mm: [0.0, 60.0]
    days: [1, 7]
  version: '3'
"""
NOTES = CompanionNotes(
    name="rain", version="3", ranges={"rain_mm": Range(0.0, 60.0), "days": Range(1, 7)}
)


def test_notes_are_read_and_written_as_they_always_were():
    assert CompanionNotes.from_metadata(yaml.safe_load(METADATA)) == NOTES
    assert NOTES.to_metadata() == yaml.safe_load(METADATA)


@pytest.mark.parametrize(
    "metadata", [None, {}, "text", {"companion": None}, {"companion": {"ranges": None}}]
)
def test_a_folder_of_another_program_has_no_notes(metadata):
    assert CompanionNotes.from_metadata(metadata) == CompanionNotes()


def test_a_version_that_yaml_reads_as_a_number_is_text():
    notes = CompanionNotes.from_metadata({"companion": {"name": "rain", "version": 3}})

    assert notes.version == "3"


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ([1, 2], r"the ranges are '\[1, 2\]'"),
        ([], "the ranges are"),
        ({1: [0, 1], "b": 2}, "column 'b'"),
        ({"a": [2, 1]}, "lowest and"),
        ({"a": [0, float("nan")]}, "lowest and"),
        ({"a": [0, float("inf")]}, "lowest and"),
        ({"a": [False, True]}, "lowest and"),
        ({"a": [0, 1, 2]}, "lowest and"),
        ({"a": "wide"}, "column 'a'"),
    ],
)
def test_ranges_that_are_not_ranges_are_refused_by_name(ranges, message):
    with pytest.raises(ModelError, match=message):
        CompanionNotes.from_metadata({"companion": {"ranges": ranges}})


def test_a_profile_is_read_as_it_was_written():
    bins = ColumnProfile.of_numbers([0.0, 4.0, 60.0], {"0": 5, "1": 5})
    notes = replace(NOTES, profile={"rain_mm": bins})

    metadata = yaml.safe_load(yaml.safe_dump(notes.to_metadata()))

    assert CompanionNotes.from_metadata(metadata) == notes


def test_a_broken_profile_is_refused_by_name():
    with pytest.raises(ModelError, match="profile of column 'rain_mm'"):
        CompanionNotes.from_metadata({"companion": {"profile": {"rain_mm": [1, 2]}}})
