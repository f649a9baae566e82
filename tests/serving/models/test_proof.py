import numpy as np
import pytest

from companion.contract.columns import Column
from companion.contract.profile import ColumnProfile
from companion.contract.ranges import Range
from companion.serving.models.proof import N_RANDOM, make_proof, make_tensor_proof


def values(column, example=(), profile=None):
    rows = make_proof([column], [(one,) for one in example], profile or {}).tuples
    return [row[0] for row in rows]


def test_values_lie_in_the_range_and_reach_its_ends():
    column = Column(name="rain_mm", kind="double", allowed=Range(-2.5, 40))

    found = values(column, [3.0])

    assert found[0] == 3.0
    assert len(found) == N_RANDOM + 3
    assert (min(found), max(found)) == (-2.5, 40)


def test_without_a_range_the_profile_gives_the_ends():
    profile = {"rain_mm": ColumnProfile.of_numbers((1.0, 2.0, 9.0), {})}

    found = values(Column(name="rain_mm", kind="double"), [], profile)

    assert (min(found), max(found)) == (1.0, 9.0)


def test_without_both_values_lie_around_the_example():
    found = values(Column(name="rain_mm", kind="double"), [100.0, 120.0])

    assert min(found) < 50
    assert max(found) > 200


@pytest.mark.parametrize("kind", ["integer", "long"])
def test_whole_columns_get_whole_numbers(kind):
    found = values(Column(name="days", kind=kind, allowed=Range(0.5, 7.5)))

    assert {type(one) for one in found} == {int}
    assert set(found) == set(range(1, 8))


def test_booleans_are_true_and_false():
    assert set(values(Column(name="wet", kind="boolean"))) == {True, False}


def test_measured_values_are_rounded_as_such():
    column = Column(name="rain_mm", kind="double", allowed=Range(0, 9))

    found = np.array(values(column))

    assert np.mean(found == np.round(found)) > 0.3
    assert np.mean(found == np.round(found, 1)) > 0.6
    assert np.mean(found != np.round(found, 1)) > 0.3


def test_optional_values_are_missing_at_times():
    found = values(Column(name="rain_mm", kind="double", required=False), [1.0])

    assert 0.02 < found.count(None) / len(found) < 0.3


def test_the_rows_are_the_same_each_time():
    column = Column(name="rain_mm", kind="double")

    assert values(column, [1.0]) == values(column, [1.0])


def test_a_tensor_gets_rows_of_its_width_around_its_example():
    rows = make_tensor_proof([([1.0, 50.0],), ([2.0, 60.0],)]).tuples

    array = np.array([row[0] for row in rows])
    assert array.shape == (N_RANDOM + 2, 2)
    assert (array.min(axis=0) < [1, 50]).all()
    assert (array.max(axis=0) > [2, 60]).all()
