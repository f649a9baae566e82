"""Tables: the first thing that differs is reported."""

import pandas as pd
import pytest

from companion.exercises import check_table

TABLE = pd.DataFrame(
    {"wet": [191, 60], "share": [0.522, 0.164], "most": ["rain", "sun"]},
    index=[2012, 2013],
)


@pytest.mark.parametrize(
    "answer",
    [
        TABLE,
        TABLE[["most", "share", "wet"]],
        TABLE.iloc[::-1],
        TABLE.assign(more=1),
        TABLE.assign(share=[0.5225, 0.1637]),
        TABLE.astype({"wet": "float32"}),
    ],
)
def test_order_further_columns_and_rounding_do_not_matter(answer):
    verdict = check_table(answer, TABLE, hint="Count.", remark="Well counted.")

    assert repr(verdict) == "Right. Well counted."


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (
            {"wet": [191]},
            "a dictionary; a DataFrame is expected, with the columns 'wet'",
        ),
        (TABLE["wet"], "a Series, one column"),
        (TABLE[["wet"]], "lacks the column 'share'; its columns are 'wet'."),
        (TABLE.head(1), "has 1 rows, 2 are expected: 2012, 2013."),
        (TABLE.reset_index(), "no row 2012; its index is 0, 1."),
        (TABLE.set_axis([2012, 2012]), "no row 2013; its index is 2012, 2012."),
        (TABLE.assign(wet=[191, 61]), "column 'wet', row 2013, your table says 61. C"),
        (TABLE.assign(wet=[191, None]), "column 'wet', row 2013, your table has a gap"),
        (
            TABLE.assign(wet=["191", "60"]),
            "column 'wet', row 2012, your table says 191",
        ),
        (TABLE.assign(most=["sun", "sun"]), "'most', row 2012, your table says sun"),
    ],
)
def test_another_table_is_told_the_first_thing_that_differs(answer, hint):
    verdict = check_table(answer, TABLE, hint="Count.")

    assert not verdict.passed
    assert hint in verdict.text
