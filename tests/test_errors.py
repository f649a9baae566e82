import ast
import builtins
import inspect
import re
from pathlib import Path

import pytest

from companion import errors
from companion.errors import CompanionError, MissingExtraError

CLASSES = [getattr(errors, name) for name in errors.__all__]


def test_every_error_is_listed():
    defined = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, BaseException)
    }

    assert defined == set(errors.__all__)


def test_no_other_module_defines_a_public_error():
    """Read, not run: modules for another system are checked as well."""
    package = Path(errors.__file__).parent
    defined = {
        node.name
        for path in package.rglob("*.py")
        if path != Path(errors.__file__)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Error", "Exception"))
    }

    assert not {name for name in defined if not name.startswith("_")}


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    drawn = {}
    path = {0: "CompanionError"}
    assert errors.__doc__ is not None
    for indent, name in re.findall(r"^ {4}(.*?)[├└]── (\w+)", errors.__doc__, re.M):
        depth = len(indent) // 4 + 1
        drawn[name] = path[depth - 1]
        path[depth] = name

    real = {
        one.__name__: next(base.__name__ for base in one.__mro__[1:] if base in CLASSES)
        for one in CLASSES
        if one is not CompanionError
    }
    assert drawn == real


@pytest.mark.parametrize("one", CLASSES, ids=lambda one: one.__name__)
def test_every_error_says_in_its_docstring_what_it_means(one):
    assert inspect.getdoc(one)


@pytest.mark.parametrize(
    "one", [c for c in CLASSES if c is not CompanionError], ids=lambda c: c.__name__
)
def test_every_error_is_caught_by_the_builtin_it_resembles(one):
    """So `except ValueError` or `except OSError` works for those who know no other."""
    kin = [base for base in one.__mro__ if base.__module__ == "builtins"]

    assert kin[0] is not builtins.Exception


def test_a_missing_extra_names_part_library_and_what_to_install():
    error = MissingExtraError("`companion train`", library="mlflow", extra="tracking")

    assert str(error) == (
        "`companion train` needs mlflow, which is not installed. "
        'Install it with: pip install "mlops-companion[tracking]"'
    )
    assert (error.part, error.library, error.extra) == (
        "`companion train`",
        "mlflow",
        "tracking",
    )
