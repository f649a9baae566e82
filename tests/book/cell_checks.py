"""Checks of the code in a chapter's cells: what it imports, and what it needs."""

import ast
import builtins
import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from types import ModuleType

from IPython.core.inputtransformer2 import TransformerManager
from myst import directives, parse

__all__ = [
    "code_cells",
    "import_complaints",
    "name_complaints",
    "visible_cells",
    "without_options",
]

# A reader who copies what the page shows has none of what these cells define.
_HIDDEN = re.compile(r"remove-cell|remove-input")
_GIVEN = {*dir(builtins), "get_ipython", "display"}


def code_cells(text: str) -> list[str]:
    """Return the Python of each code cell, without options and IPython magics."""
    transform = TransformerManager().transform_cell
    return [
        transform(without_options(directive.content))
        for directive in directives(parse(text))
        if directive.name == "code-cell"
    ]


def visible_cells(text: str) -> list[str]:
    """Return what `code_cells` does, of the cells that a page shows."""
    transform = TransformerManager().transform_cell
    return [
        transform(without_options(directive.content))
        for directive in directives(parse(text))
        if directive.name == "code-cell" and not _is_hidden(directive.content)
    ]


def _is_hidden(content: str) -> bool:
    options = content.removesuffix(without_options(content))
    return _HIDDEN.search(options) is not None


def without_options(content: str) -> str:
    """Return a cell's code without the options above it."""
    if content.startswith("---\n"):
        return content.split("\n---\n", 1)[1]
    lines = content.split("\n")
    while lines and lines[0].startswith(":"):
        lines.pop(0)
    return "\n".join(lines)


def name_complaints(cells: Sequence[str]) -> list[str]:
    """Check that no cell uses a name that no cell defines, up to and with itself."""
    complaints: list[str] = []
    known = set(_GIVEN)
    for cell in cells:
        tree = ast.parse(cell)
        known |= _defined(tree)
        if "get_ipython().system(" in cell:  # what `!` before a command becomes
            known.add("_exit_code")
        first_line = cell.strip().split("\n", 1)[0]
        used = {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        complaints += [
            f"the cell that begins with {first_line!r} uses {name!r}, which only a "
            "hidden cell defines, or none"
            for name in sorted(used - known)
        ]
    return complaints


def _defined(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.alias(name=name, asname=short):
                names.add(short or name.partition(".")[0])
            case ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                names.add(name)
    return names


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
