"""Previews beside jobs, in real children."""

import json
import sqlite3
from dataclasses import replace

from services.contract.outcome import Failure
from services.contract.preview import Preview, Previewed
from services.contract.spec import Operator, Page, Term
from tests.integration.worker.rig import ROWS, SPEC, Rig, named

ID = SPEC.columns[0]


def ask(rig: Rig, preview: Preview) -> None:
    rig.queue.previews.put_nowait(preview)


async def test_the_first_rows_are_shown_and_all_are_counted(rig: Rig) -> None:
    async with rig.working():
        ask(rig, Preview("p-1", SPEC, 2))
        await rig.queue.until(lambda: "p-1" in rig.queue.shown)
    shown = rig.queue.shown["p-1"]
    assert isinstance(shown, Previewed)
    assert [json.loads(row) for row in shown.rows] == [{"id": 1, "name": "one"}, {"id": 2, "name": 'two, "quoted"'}]
    assert shown.rows_total == len(ROWS)
    assert rig.files() == []


async def test_a_filter_and_a_page_hold_for_a_preview_too(rig: Rig) -> None:
    above = replace(SPEC, filter=Term(ID.name, ID.type, Operator.GREATER, (1,)))
    async with rig.working():
        ask(rig, Preview("all", above, 20))
        ask(rig, Preview("second", replace(above, page=Page(1, 1)), 20))
        await rig.queue.until(lambda: len(rig.queue.shown) == 2)
    assert (len(rig.queue.shown["all"].rows), rig.queue.shown["all"].rows_total) == (2, 2)
    assert [json.loads(row)["id"] for row in rig.queue.shown["second"].rows] == [3]


async def test_a_preview_that_cannot_be_read_says_why(rig: Rig) -> None:
    missing = replace(SPEC, columns=(replace(ID, name="nowhere"),))
    async with rig.working():
        ask(rig, Preview("p-1", missing, 2))
        await rig.queue.until(lambda: "p-1" in rig.queue.shown)
    failure = rig.queue.shown["p-1"]
    assert isinstance(failure, Failure)
    assert failure.code == "COLUMN_MISSING"


async def test_a_preview_that_kills_its_process_does_not_hold_up_the_next(rig: Rig) -> None:
    async with rig.working():
        ask(rig, Preview("deadly", named("kill"), 2))
        ask(rig, Preview("sound", SPEC, 2))
        await rig.queue.until(lambda: len(rig.queue.shown) == 2)
    assert rig.queue.shown["deadly"].code == "WORKER_CRASHED"
    assert len(rig.queue.shown["sound"].rows) == 2


async def test_a_preview_waits_until_a_slot_is_free_and_then_comes(rig: Rig) -> None:
    rig.slots = 1
    async with rig.working():
        job = rig.queue.offer(named("tick"))
        await rig.queue.until(lambda: bool(job.progress))
        ask(rig, Preview("p-1", SPEC, 2))
        rig.queue.cancel(job, hint=True)
        await rig.queue.until(lambda: "p-1" in rig.queue.shown)
    assert len(rig.queue.shown["p-1"].rows) == 2


def texts(rig: Rig, *values: str) -> None:
    """Rows of these texts, in place of the usual ones."""
    with sqlite3.connect(rig.sources["db"].path) as database:
        database.execute("delete from numbers")
        database.executemany("insert into numbers values (?, ?)", enumerate(values))


async def test_a_text_with_ends_of_lines_of_unicode_stays_one_row(rig: Rig) -> None:
    strange = "a\u2028b\x0bc\x85d\x1ce\nf"
    texts(rig, strange)
    async with rig.working():
        ask(rig, Preview("p-1", SPEC, 5))
        await rig.queue.until(lambda: "p-1" in rig.queue.shown)
    (row,) = rig.queue.shown["p-1"].rows
    assert json.loads(row)["name"] == strange


async def test_rows_that_are_too_large_are_counted_and_not_denied(rig: Rig) -> None:
    texts(rig, "small", "x" * 4_000_000, "small too")
    async with rig.working():
        ask(rig, Preview("p-1", SPEC, 20))
        await rig.queue.until(lambda: "p-1" in rig.queue.shown)
    shown = rig.queue.shown["p-1"]
    assert [json.loads(row)["name"] for row in shown.rows] == ["small"]
    assert shown.rows_total == 3
    assert [(w.code, w.count) for w in shown.warnings] == [("ROWS_CUT", 2)]
