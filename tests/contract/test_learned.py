import pytest

from companion.contract.learned import LearnedContract
from companion.errors import RefusedError

ROW = {"area": 60, "city": "A", "new": True, "note": None}


def test_before_the_first_answer_any_row_passes():
    contract = LearnedContract()

    for row in (ROW, {"other": "x"}, [1.0, 2.0], "text", {"deep": {"er": [1]}}):
        assert contract.check([row]).tuples


def test_the_first_answered_rows_fix_columns_and_types():
    contract = LearnedContract()
    contract.learn(contract.check([ROW]))

    assert contract.check([ROW | {"area": 70.5, "note": [1]}]).tuples
    for change, column in (
        ({"area": "60"}, "area"),
        ({"city": 3}, "city"),
        ({"new": "yes"}, "new"),
        ({"rooms": 3}, "rooms"),
    ):
        with pytest.raises(RefusedError, match=column):
            contract.check([ROW | change])
    with pytest.raises(RefusedError, match="area"):
        contract.check([{"city": "A", "new": True}])


def test_what_came_later_changes_nothing():
    contract = LearnedContract()
    contract.learn(contract.check([[1.0, 2.0]]))
    contract.learn(LearnedContract().check([ROW]))

    assert contract.layout == "array"
    assert contract.check([[3.0, 4.0]]).rows == [{"input": [3.0, 4.0]}]


@pytest.mark.parametrize("rows", [[], [{}], [ROW, "x"], [{"a": float("inf")}]])
def test_what_no_model_could_take_is_refused(rows):
    with pytest.raises(RefusedError):
        LearnedContract().check(rows)
