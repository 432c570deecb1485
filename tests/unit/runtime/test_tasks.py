"""Tasks are ended without hiding that whoever waits for them is cancelled."""

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runtime.tasks.ending import end_tasks

ROOT = Path(__file__).parents[3]
ALLOWED = {"services/worker/supervisor/pool.py": "waits again until the process is dead, and then is cancelled"}


async def test_all_have_ended_whatever_their_outcome() -> None:
    async def fails() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError

    begun = [asyncio.create_task(asyncio.Event().wait()), asyncio.create_task(fails())]
    await asyncio.sleep(0)
    await end_tasks(*begun)
    assert all(each.done() for each in begun)


async def test_a_caller_that_is_cancelled_while_it_waits_is_cancelled() -> None:
    may_end = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()

    ending = asyncio.create_task(slow())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(end_tasks(ending))
    await asyncio.sleep(0)
    waiting.cancel()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def hidden(tree: ast.AST) -> Iterator[int]:
    """The lines of `with suppress(CancelledError)` around an await."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.With) or not any("CancelledError" in ast.unparse(item) for item in node.items):
            continue
        if any(isinstance(below, ast.Await) for below in ast.walk(node)):
            yield node.lineno


def test_nobody_hides_that_it_is_cancelled() -> None:
    modules = [*(ROOT / "services").rglob("*.py"), *(ROOT / "clients/python/exportd_client").rglob("*.py")]
    found = {str(path.relative_to(ROOT)): [*hidden(ast.parse(path.read_text(encoding="utf-8")))] for path in modules}
    assert {path: lines for path, lines in found.items() if lines and path not in ALLOWED} == {}
    assert all(found[path] for path in ALLOWED)
