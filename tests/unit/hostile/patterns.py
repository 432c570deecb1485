"""Every regular expression of the project, and what is asked of it."""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.linters.backtracking import Use

ROOT = Path(__file__).parents[3]
BASES = {"services": ROOT, "exportd_client": ROOT / "clients" / "python"}
"""The folder of each package."""

USES = {"fullmatch": Use.WHOLE, "match": Use.START}
METHODS = frozenset({"fullmatch", "match", "search", "findall", "finditer", "sub", "subn", "split"})
METHOD = re.compile(rf"\b(\w+)\s*\.\s*({'|'.join(sorted(METHODS))})\b")
"""A name, and what is asked of what it names: of a pattern, of `re` itself, or of a text."""


@dataclass(frozen=True)
class Pattern:
    module: str
    name: str
    compiled: re.Pattern[str]
    use: Use

    def __str__(self) -> str:
        return f"{self.module}.{self.name} {self.use.value}"


def patterns() -> Iterator[Pattern]:
    for path in _files():
        yield from _of(path)


def unnamed() -> Iterator[str]:
    """Places where a pattern is made that `patterns` does not see."""
    for path in _files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {id(node.value) for node in tree.body if isinstance(node, ast.Assign)}
        for call in _calls(tree):
            constant = bool(call.args) and isinstance(call.args[0], ast.Constant)
            if id(call) not in named and (call.func.attr == "compile" or not constant):
                yield path.relative_to(ROOT).as_posix()


def _files() -> Iterator[Path]:
    for package, base in BASES.items():
        yield from sorted((base / package).rglob("*.py"))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            made = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
            if made and node.func.attr in {*METHODS, "compile"}:
                yield node


def _of(path: Path) -> Iterator[Pattern]:
    text, module = path.read_text(encoding="utf-8"), _module(path)
    asked = dict.fromkeys(METHOD.findall(text))
    for name, method in asked:
        found = getattr(importlib.import_module(module), name, None) if name != "re" else None
        if isinstance(found, re.Pattern):
            yield Pattern(module, name, found, USES.get(method, Use.ANYWHERE))
    if any(name == "re" for name, _ in asked):
        for call in _calls(ast.parse(text)):
            if call.func.attr != "compile" and isinstance(call.args[0], ast.Constant):
                use = USES.get(call.func.attr, Use.ANYWHERE)
                yield Pattern(module, repr(call.args[0].value), re.compile(call.args[0].value), use)


def _module(path: Path) -> str:
    base = next(base for package, base in BASES.items() if path.is_relative_to(base / package))
    return ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__")
