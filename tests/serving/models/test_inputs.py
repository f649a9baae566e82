import pandas as pd
import pytest

from companion.contract.columns import Column
from companion.serving.models.inputs import make_frame


@pytest.mark.parametrize(
    ("kind", "value"),
    [("string", "a"), ("double", 1.5), ("datetime", pd.Timestamp("2014-05-01"))],
)
def test_an_absent_value_is_the_same_to_the_model_alone_and_in_a_batch(kind, value):
    columns = [Column(name="x", kind=kind, required=False)]

    alone = make_frame(columns, [(None,)])
    batch = make_frame(columns, [(value, None)])

    pd.testing.assert_frame_equal(alone, batch[1:].reset_index(drop=True))
