"""Time, chance and new names come from a world: services/api/world.py, services/worker/world.py."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent

WORLDLY = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "random": {"*"},
    "uuid": {"uuid1", "uuid4"},
    "uuid6": {"*"},
}
"""What asks the machine, by the name that it is an attribute of, or that of the module that it comes from.

`secrets` is none of it: what nobody may guess is nothing for a test to choose.
"""

ALLOWED = {
    "services/api/world.py": "the world of the api",
    "services/worker/world.py": "the world of the worker",
    "services/api/commands/dev_certificates.py": "a certificate is valid from now on",
    "services/api/storage/postgres/clock.py": "how far the database's clock is from the machine's",
    "services/objects/uploads.py": "a signed request bears the time of day",
    "services/api/storage/artifacts/folder.py": "the marker of a new store, made once, by whichever process is first",
    "services/api/storage/artifacts/objects.py": "as the folder, the name of a new store",
    "services/api/storage/memory/artifacts.py": "as the folder, the name of a new store",
    "services/worker/child/": "a child does one job after the other, and is told nothing but the job",
    "services/worker/stages.py": "part of a child",
    "services/worker/sources/": "part of a child",
    "services/worker/writers/": "part of a child",
}


def _worldly(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in WORLDLY:
            names, asks = {alias.name for alias in node.names}, WORLDLY[node.module]
            yield from (f"{node.module}.{name}" for name in names if name in asks or "*" in asks)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            asks = WORLDLY.get(node.value.id, set())
            if node.attr in asks or "*" in asks:
                yield f"{node.value.id}.{node.attr}"


@cache
def _found() -> dict[str, list[str]]:
    found = {
        str(path.relative_to(ROOT)): sorted(_worldly(ast.parse(path.read_text())))
        for path in (ROOT / "services").rglob("*.py")
    }
    return {path: names for path, names in found.items() if names}


def test_nobody_but_a_world_asks_the_machine_for_time_chance_or_names() -> None:
    assert {p: names for p, names in _found().items() if not p.startswith(tuple(ALLOWED))} == {}


def test_no_exception_is_out_of_date() -> None:
    assert [allowed for allowed in ALLOWED if not any(path.startswith(allowed) for path in _found())] == []


def test_what_asks_the_machine_is_noticed_however_it_is_written() -> None:
    ways = [
        "import time\ntime.monotonic()",
        "from time import monotonic",
        "import random\nrandom.uniform(0, 1)",
        "from random import random",
        "import uuid\nuuid.uuid4()",
        "from uuid import uuid4",
        "from uuid6 import uuid7",
        "from datetime import UTC, datetime\ndatetime.now(UTC)",
    ]
    assert [way for way in ways if not list(_worldly(ast.parse(way)))] == []
    assert list(_worldly(ast.parse("from uuid import UUID\nworld.clock()\nsecrets.token_hex()"))) == []
