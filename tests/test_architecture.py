"""Who may import whom. A broken rule is printed with the file that breaks it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("services", "exportd_client", "sample", "demo")


@dataclass(frozen=True)
class Rule:
    """No module below `inside` imports anything below `target`, but for those below `but`."""

    inside: str
    target: str
    but: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.inside} must not import {self.target}" + (f", but for {', '.join(self.but)}" if self.but else "")


GRPC = ("services.contract.status", "services.runtime", "services.api.rpc", "services.worker.queue")
RULES = [
    Rule("services.contract", "services.api"),
    Rule("services.contract", "services.worker"),
    Rule("services.contract", "services.runtime"),
    Rule("services.runtime", "services.api"),
    Rule("services.runtime", "services.worker"),
    Rule("services.runtime", "services.contract"),
    Rule("services.api", "services.worker"),
    Rule("services.worker", "services.api"),
    Rule("services", "exportd_client"),
    Rule("exportd_client", "services"),
    Rule("services", "sample"),
    Rule("services", "demo"),
    Rule("services", "exportd.v1", ("services.contract.codec", "services.api.rpc", "services.worker.queue")),
    Rule("services", "exportd.queue", ("services.contract.codec", "services.api.rpc", "services.worker.queue")),
    Rule("services", "grpc", GRPC),
    Rule("services", "grpc_status", ("services.contract.status",)),
    Rule("services", "psycopg", ("services.worker.sources",)),
    Rule("services", "sqlalchemy", ("services.api.storage", "services.worker.sources")),
    Rule("services.api", "pyarrow"),
    Rule("services.api", "polars"),
    Rule("services.api", "duckdb"),
    Rule("services.worker", "alembic"),
    Rule("services.worker", "aiosqlite"),
    Rule("services.api.domain", "services.api.storage"),
    Rule("services.api.domain", "services.api.rpc"),
    Rule("services.api.domain", "services.api.ports"),
    Rule("services.api.domain", "asyncio"),
    Rule("services.api.domain", "time"),
    Rule("services.api.catalog", "services.api.domain.export"),
    Rule("services.api.catalog", "services.api.domain.states"),
    Rule("services.api.storage", "services.api.rpc"),
    Rule("services.api.storage.sql", "services.api.storage.sqlite"),
    Rule("services.api.ports", "services.api.storage"),
    Rule("services.api.usecases", "services.api.storage"),
    Rule("services.api.background", "services.api.storage"),
    Rule("services.api.rpc", "services.api.storage"),
    Rule("services.worker.sources", "services.worker.writers"),
    Rule("services.worker.writers", "services.worker.sources"),
    Rule("services.worker.queue", "services.worker.sources"),
    Rule("services.worker.queue", "services.worker.writers"),
]


def _modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


IMPORTS = {name: sorted(set(_imports(path))) for name, path in _modules()}


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_import_rule(rule: Rule) -> None:
    inside = {m: i for m, i in IMPORTS.items() if _below(m, rule.inside) and not any(_below(m, b) for b in rule.but)}
    assert inside, f"nothing is below {rule.inside}: the rule is out of date"
    broken = [f"{m} imports {name}" for m, names in inside.items() for name in names if _below(name, rule.target)]
    assert not broken, f"{rule}: {broken}"


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    graph = {m: {t for name in names if (t := _module_of(name)) and t != m} for m, names in IMPORTS.items()}
    assert _circle(graph) == []


def _module_of(name: str) -> str | None:
    if name in IMPORTS:
        return name
    parent = name.rpartition(".")[0]
    return parent if parent in IMPORTS else None


def _circle(graph: dict[str, set[str]]) -> list[str]:
    """Remove what imports nothing that is left, again and again: what stays is in a circle or leads to one."""
    left = dict(graph)
    while leaves := [m for m, targets in left.items() if not targets & left.keys()]:
        for leaf in leaves:
            del left[leaf]
    return sorted(left)
