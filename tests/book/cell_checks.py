"""Checks of what a chapter's cells import."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from types import ModuleType

from IPython.core.inputtransformer2 import TransformerManager
from myst import directives, parse

__all__ = ["code_cells", "import_complaints"]


def code_cells(text: str) -> list[str]:
    """Return the Python of each code cell, without options and IPython magics."""
    transform = TransformerManager().transform_cell
    return [
        transform(_without_options(directive.content))
        for directive in directives(parse(text))
        if directive.name == "code-cell"
    ]


def _without_options(content: str) -> str:
    if content.startswith("---\n"):
        return content.split("\n---\n", 1)[1]
    lines = content.split("\n")
    while lines and lines[0].startswith(":"):
        lines.pop(0)
    return "\n".join(lines)


def import_complaints(cells: Sequence[str]) -> list[str]:
    """Check that code uses only public names of the package.

    Public are the names in a module's `__all__`, and modules without a
    leading underscore.
    """
    complaints: list[str] = []
    bound: dict[str, ModuleType] = {}
    for cell in cells:
        for node in ast.walk(ast.parse(cell)):
            complaints += _node_complaints(node, bound)
    return complaints


def _node_complaints(node: ast.AST, bound: dict[str, ModuleType]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from _import_complaints(node, bound)
    elif isinstance(node, ast.ImportFrom):
        yield from _from_complaints(node, bound)
    elif isinstance(node, ast.Attribute):
        owner = _resolve(node.value, bound)
        if owner and not _is_public(owner, node.attr):
            yield f"{owner.__name__} has no public name {node.attr!r}"


def _import_complaints(node: ast.Import, bound: dict[str, ModuleType]) -> Iterator[str]:
    for alias in node.names:
        package, *parts = alias.name.split(".")
        if package == "companion":
            yield from _path_complaints(parts)
            # `import a.b` binds a; `import a.b as c` binds a.b.
            module = _module(alias.name if alias.asname else package)
            if module:
                bound[alias.asname or package] = module


def _from_complaints(
    node: ast.ImportFrom, bound: dict[str, ModuleType]
) -> Iterator[str]:
    package, *parts = (node.module or "").split(".")
    if package != "companion":
        return
    yield from _path_complaints(parts)
    owner = _module(str(node.module))
    for alias in node.names:
        if owner and not _is_public(owner, alias.name):
            yield f"{owner.__name__} has no public name {alias.name!r}"
        child = _module(f"{node.module}.{alias.name}")
        if child:
            bound[alias.asname or alias.name] = child


def _path_complaints(parts: Sequence[str]) -> Iterator[str]:
    module = "companion"
    for part in parts:
        module += f".{part}"
        if part.startswith("_"):
            yield f"{module} is private"
        elif _module(module) is None:
            yield f"there is no module {module}"


def _resolve(node: ast.expr, bound: dict[str, ModuleType]) -> ModuleType | None:
    if isinstance(node, ast.Name):
        return bound.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _resolve(node.value, bound)
        return _module(f"{owner.__name__}.{node.attr}") if owner else None
    return None


def _is_public(module: ModuleType, name: str) -> bool:
    if name == "__version__" or name in getattr(module, "__all__", ()):
        return True
    children = [child.name for child in pkgutil.iter_modules(_folder(module))]
    return name in children and not name.startswith("_")


def _folder(module: ModuleType) -> list[str]:
    return list(getattr(module, "__path__", []))


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None
