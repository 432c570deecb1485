"""An exception is no frozen dataclass: Python sets its traceback where a context manager passes it on."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACES = ("services", "clients/python/exportd_client", "demo", "bench", "chaos")


def test_no_exception_is_a_frozen_dataclass() -> None:
    frozen = [*_frozen()]
    assert frozen, "none is found any more: how are they spelled?"
    exceptions = [f"{kind.__module__}.{kind.__name__}" for kind in frozen if issubclass(kind, BaseException)]
    assert exceptions == []


def _frozen() -> Iterator[type]:
    """Those that have a base: others are no exceptions."""
    for place in PLACES:
        folder = ROOT / place
        for path in folder.rglob("*.py"):
            classes = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef))
            names = [each.name for each in classes if each.bases and _is_frozen(each)]
            if names:
                begin = ROOT if place != "clients/python/exportd_client" else folder.parent
                module = importlib.import_module(".".join(path.relative_to(begin).with_suffix("").parts))
                yield from (getattr(module, name) for name in names if hasattr(module, name))


def _is_frozen(node: ast.ClassDef) -> bool:
    return any(
        isinstance(decorator, ast.Call)
        and ast.unparse(decorator.func).endswith("dataclass")
        and any(keyword.arg == "frozen" for keyword in decorator.keywords)
        for decorator in node.decorator_list
    )
