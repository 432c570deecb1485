"""Who may import whom. What is not listed in `import_rules.toml` is forbidden; the broken rule is printed."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.tiers import deep

pytestmark = deep

ROOT = Path(__file__).parent.parent
PACKAGES = ("services", "exportd_client", "sample", "demo", "bench", "chaos", "tests")
BASES = {"exportd_client": ROOT / "clients" / "python"}
"""Where packages are that are not in the root."""

MAX_MODULES = 20
"""In one folder of services/: more are not seen at a glance."""

RULES = tomllib.loads(Path(__file__).with_name("import_rules.toml").read_text())
ROOMS: dict[str, list[str]] = RULES["rooms"]
LIBRARIES: dict[str, list[str]] = RULES["libraries"]
EXCEPTIONS: list[dict[str, str]] = RULES.get("exceptions", [])


def _modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        base = BASES.get(package, ROOT)
        for path in (base / package).rglob("*.py"):
            name = ".".join(path.relative_to(base).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


def _statements(block: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Those of a block and of the blocks in it; what is in expressions is skipped, which is most of a module."""
    for statement in block:
        yield statement
        parts = [statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())]
        for inner in [getattr(part, name, []) for part in parts for name in ("body", "orelse", "finalbody")]:
            yield from _statements(inner)


def _imports(path: Path) -> Iterator[str]:
    for node in _statements(ast.parse(path.read_text()).body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@cache
def _imported() -> dict[str, list[str]]:
    """What each module imports; read for the tests that ask, not by every process that collects tests."""
    return {name: sorted(set(_imports(path))) for name, path in _modules()}


@cache
def _room(module: str) -> str | None:
    """The innermost room that holds a module."""
    return max((room for room in ROOMS if _below(module, room)), key=len, default=None)


def _module_of(name: str) -> str | None:
    """The module that an import names, whole or by something in it; None for one that is not ours."""
    if name in _imported():
        return name
    parent = name.rpartition(".")[0]
    return parent if parent in _imported() else None


def _allowed(room: str, target: str) -> bool:
    """Whether an entry of a room names the room that the target is in, or a package that holds it."""
    return any(_names(entry, target) for entry in ROOMS[room])


@cache
def _names(entry: str, target: str) -> bool:
    return _below(target, entry.removesuffix(".*")) if entry.endswith(".*") else _room(target) == entry


def _excepted(module: str, target: str) -> bool:
    return any(e["module"] == module and _below(target, e["imports"]) for e in EXCEPTIONS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_what_its_rule_lists(room: str) -> None:
    own = [m for m in _imported() if _room(m) == room]
    assert own, f"no module is in {room}: the rule is out of date"
    broken = [
        f"{module} imports {target}"
        for module in own
        for target in filter(None, map(_module_of, _imported()[module]))
        if _room(target) != room and not _allowed(room, target) and not _excepted(module, target)
    ]
    assert not broken, f"{room} may import {ROOMS[room]}: {broken}"


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_rule_lists_is_used(room: str) -> None:
    """An entry that nobody uses any more is a door that nobody watches."""
    targets = {t for m in _imported() if _room(m) == room for t in filter(None, map(_module_of, _imported()[m]))}
    unused = [entry for entry in ROOMS[room] if not any(_names(entry, target) for target in targets)]
    assert not unused, f"{room} lists {unused}, and imports none of it"


def test_every_module_is_in_a_room() -> None:
    assert [m for m in _imported() if _room(m) is None and _imported()[m]] == []


def test_every_library_is_used_where_its_rule_says() -> None:
    broken = [
        f"{module} imports {library}"
        for module, names in _imported().items()
        for library in {_library(name) for name in names} - {None}
        if not any(_below(module, place) for place in LIBRARIES.get(str(library), []))
        and not _excepted(module, str(library))
    ]
    assert not broken


def test_every_exception_is_needed_and_has_a_reason() -> None:
    for exception in EXCEPTIONS:
        assert exception["reason"]
        targets = _imported()[exception["module"]]
        assert any(_below(target, exception["imports"]) for target in targets), exception


def _library(name: str) -> str | None:
    """The library that an import names: `exportd.v1` and `exportd.queue` are two; None for ours and Python's own."""
    top = name.partition(".")[0]
    if top == "exportd":
        return ".".join(name.split(".")[:2])
    return None if top in PACKAGES or top in sys.stdlib_module_names else top


@pytest.mark.parametrize("room", sorted(room for room in ROOMS if _below(room, "services")))
def test_a_room_is_seen_at_a_glance(room: str) -> None:
    modules = [path for path in ROOT.joinpath(*room.split(".")).glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MAX_MODULES, f"{room} has {len(modules)} modules"


def test_no_wait_may_lose_a_cancellation() -> None:
    """Python 3.11's asyncio.wait_for drops one that comes as its task ends: what was cancelled then goes on for ever.

    asyncio.timeout does not.
    """
    found = [
        f"{name}:{node.lineno}"
        for name, path in _modules()
        if name.startswith(("services.", "exportd_client."))
        if "wait_for" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and node.attr == "wait_for" and getattr(node.value, "id", "") == "asyncio"
    ]
    assert found == []


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    graph = {m: {t for name in names if (t := _module_of(name)) and t != m} for m, names in _imported().items()}
    assert _circle(graph) == []


def _circle(graph: dict[str, set[str]]) -> list[str]:
    """Remove what imports nothing that is left, again and again: what stays is in a circle or leads to one."""
    left = dict(graph)
    while leaves := [m for m, targets in left.items() if not targets & left.keys()]:
        for leaf in leaves:
            del left[leaf]
    return sorted(left)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_each_migration_follows_the_one_before(engine: str) -> None:
    """Two changes that take the same number, each right by itself, would be two heads."""
    versions = ROOT / "services" / "api" / "storage" / engine / "migrations" / "versions"
    numbers = sorted(file.stem.partition("_")[0] for file in versions.glob("[0-9]*.py"))
    first = int(numbers[0])
    assert numbers == [f"{number:04}" for number in range(first, first + len(numbers))]
