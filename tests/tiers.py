"""Which tests are `deep`: those that `make test` leaves to `make test-all`."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

deep = pytest.mark.deep


def deep_but(values: Iterable[Any], *quick: Any) -> list[Any]:
    """Parameters, all of them deep but for `quick`, each of which stands for the others in `make test`.

    Each of `quick` is a parameter, its id, or the first of its values. Raises ValueError for what is none.
    """
    values = list(values)
    if unknown := [each for each in quick if not any(each in _names(value) for value in values)]:
        raise ValueError(f"not among the parameters: {unknown}")
    return [value if any(each in _names(value) for each in quick) else _deep(value) for value in values]


def _names(parameter: Any) -> tuple[Any, ...]:
    if hasattr(parameter, "marks"):
        return parameter.id, parameter.values[0]
    return (parameter, parameter[0]) if isinstance(parameter, tuple) else (parameter,)


def _deep(parameter: Any) -> Any:
    if hasattr(parameter, "marks"):
        return parameter._replace(marks=(*parameter.marks, deep))
    values = parameter if isinstance(parameter, tuple) else (parameter,)
    return pytest.param(*values, marks=deep)


def quick_tests(file: Path) -> list[str]:
    """Names of the functions of a file of which `make test` runs at least a part."""
    return quick_in(file.read_text())


def quick_in(text: str) -> list[str]:
    """As quick_tests, of a text."""
    tree = ast.parse(text)
    of_all = [node.value for node in tree.body if _is_marks_of_all(node)]
    return [] if any(map(_names_deep, of_all)) else [*_quick(tree.body)]


def _is_marks_of_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"


def _names_deep(marks: ast.expr) -> bool:
    return any(_is_deep(mark) for mark in (marks.elts if isinstance(marks, ast.List | ast.Tuple) else [marks]))


def _is_deep(mark: ast.expr) -> bool:
    return ast.unparse(mark) in ("deep", "pytest.mark.deep")


def _quick(block: list[ast.stmt]) -> Iterator[str]:
    for node in block:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            if not any(map(_is_deep, node.decorator_list)):
                yield node.name
        elif isinstance(node, ast.ClassDef):
            yield from _quick(node.body)
