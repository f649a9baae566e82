import math

from companion.serving.http.bodies import read_json


def test_a_number_of_thousands_of_digits_leaves_the_others_whole():
    """Columns of whole numbers beside it would else be refused too."""
    content = b'{"rows": [{"days": 3, "long": ' + b"1" * 400 + b"}, "
    content += b'{"days": 4, "long": -' + b"1" * 5000 + b"}]}"

    first, second = read_json(content)["rows"]

    assert first == {"days": 3, "long": int("1" * 400)}
    assert type(first["days"]) is type(second["days"]) is int
    assert second == {"days": 4, "long": -math.inf}
