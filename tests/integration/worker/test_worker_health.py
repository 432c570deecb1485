"""A worker whose own environment fails says so, takes nothing that needs them, and goes on when they are back."""

import shutil
from dataclasses import replace

import pytest

from services.contract.capabilities import reads_attachments, reads_rows
from services.contract.errors import StoreMismatch
from services.contract.spec import Relation, SourceRef
from services.contract.store import MARKER
from services.runtime.startup import CannotStart
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.worker.memory_queue import HEARTBEAT
from tests.integration.worker.rig import SPEC, Rig, bundled
from tests.tiers import deep


def problems(rig: Rig) -> list[tuple[str, str]]:
    return [(problem.code, problem.source_id) for problem in rig.queue.problems]


def told(rig: Rig) -> frozenset[str]:
    return rig.queue.told[-1].names or frozenset()


async def test_a_worker_tells_what_it_can_do_and_which_store_it_sees(rig: Rig) -> None:
    async with rig.working():
        await rig.queue.until(lambda: bool(rig.queue.told))
    (can, *_) = rig.queue.told
    assert can.store_id == rig.queue.store_id
    assert can.names is not None
    assert {reads_rows("sql", "db"), reads_attachments("sql", "db"), reads_attachments("folder", "files")} <= can.names
    assert {"spec/1", "format/XLSX", "packaging/SEPARATE", "compression/GZIP"} <= can.names
    assert reads_rows("folder", "files") not in can.names
    assert "mask-key/default" not in can.names


async def test_a_store_without_a_place_for_files_stops_it_until_there_is_one(rig: Rig) -> None:
    spool = rig.root / ".spool"
    spool.write_text("no folder")
    async with rig.working():
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.state == "FAILED" and problems(rig) == [("STORE_UNAVAILABLE", "")])
        assert rig.engine is not None
        assert not rig.engine.ready()
        await rig.queue.until(lambda: rig.queue.problems[0].age.total_seconds() > HEARTBEAT.total_seconds())
        other, polls = rig.queue.offer(SPEC), len(rig.queue.polls)  # no poll is open any more
        await rig.queue.until(lambda: rig.queue.problems[0].age.total_seconds() > 3 * HEARTBEAT.total_seconds())
        assert (other.state, len(rig.queue.polls)) == ("QUEUED", polls)
        spool.unlink()
        await rig.queue.until(lambda: other.state == "COMPLETED" and problems(rig) == [])
    assert [failure.code for failure in entry.failures] == ["STORE_UNAVAILABLE"]


async def test_a_source_that_is_gone_stops_no_other(rig: Rig) -> None:
    database = rig.sources["db"].path
    copy = database.with_name("copy.sqlite3")
    shutil.copy(database, copy)
    rig.sources["copy"] = SqliteSettings("copy", copy)
    hidden = database.rename(database.with_name("hidden"))
    async with rig.working():
        lost = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: lost.state == "FAILED" and problems(rig) == [("SOURCE_UNREACHABLE", "db")])
        assert [failure.code for failure in lost.failures] == ["SOURCE_UNREACHABLE"]
        assert rig.engine is not None
        assert rig.engine.ready()
        await rig.queue.until(lambda: reads_rows("sql", "db") not in told(rig))  # the poll that was open is cut off
        again = rig.queue.offer(SPEC)
        sound = rig.queue.offer(replace(SPEC, source=SourceRef("copy", "sql")))
        await rig.queue.until(lambda: sound.state == "COMPLETED")
        assert again.state == "QUEUED"
        hidden.rename(database)
        await rig.queue.until(lambda: again.state == "COMPLETED" and problems(rig) == [])
        assert reads_rows("sql", "db") in told(rig)


async def test_of_several_sources_the_one_that_is_gone_is_named(rig: Rig) -> None:
    shutil.rmtree(rig.sources["files"].root)
    async with rig.working():
        entry = rig.queue.offer(bundled())
        await rig.queue.until(lambda: entry.state == "FAILED" and bool(problems(rig)))
    assert [failure.code for failure in entry.failures] == ["SOURCE_UNREACHABLE"]
    assert problems(rig) == [("SOURCE_UNREACHABLE", "files")]


async def test_a_source_that_can_be_reached_and_fails_is_no_matter_of_the_worker(rig: Rig) -> None:
    rig.sources["db"].path.write_bytes(b"no database" * 1000)
    async with rig.working():
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.state == "FAILED")
        missing = rig.queue.offer(replace(SPEC, relation=Relation(table="nowhere")))
        await rig.queue.until(lambda: missing.state == "FAILED")
    assert [failure.code for failure in entry.failures] != ["SOURCE_UNREACHABLE"]
    assert problems(rig) == []


async def test_a_source_that_the_worker_does_not_have_is_asked_for_no_more(rig: Rig) -> None:
    """By an api that does not look at what a worker can do."""
    async with rig.working():
        entry = rig.queue.offer(replace(SPEC, source=SourceRef("other", "sql")), unchecked=True)
        await rig.queue.until(lambda: entry.state == "FAILED")
        sound = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: sound.state == "COMPLETED")
    assert [failure.code for failure in entry.failures] == ["SOURCE_UNKNOWN"]


async def test_another_store_than_the_apis_ends_the_worker_at_its_start(rig: Rig) -> None:
    rig.queue.refuse_lease = StoreMismatch("the store 1", "the store 2")
    with pytest.raises(CannotStart, match=r"EXPORTD_ARTIFACTS is .*the store 1.*the store 2"):
        async with rig.working():
            await rig.queue.until(lambda: bool(rig.queue.told))


@deep
async def test_another_store_later_stops_it_until_it_is_the_same_again(rig: Rig) -> None:
    async with rig.working():
        first = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: first.state == "COMPLETED")
        rig.queue.refuse_lease = StoreMismatch("the store 1", "the store 2")
        await rig.queue.until(lambda: problems(rig) == [("STORE_MISMATCH", "")])
        rig.queue.refuse_lease = None
        second = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: second.state == "COMPLETED" and problems(rig) == [])


async def test_a_store_that_nobody_can_read_is_no_other_store_also_at_the_start(rig: Rig) -> None:
    marker = rig.root / MARKER
    marker.unlink()
    marker.mkdir()
    async with rig.working():
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: problems(rig) == [("STORE_UNAVAILABLE", "")])
        assert rig.engine is not None
        assert not rig.engine.ready()
        assert (entry.state, rig.queue.told) == ("QUEUED", [])
        marker.rmdir()
        marker.write_text(rig.queue.store_id)
        await rig.queue.until(lambda: entry.state == "COMPLETED" and problems(rig) == [])


async def test_a_store_that_nobody_can_read_gives_a_job_back(rig: Rig) -> None:
    """It went after the poll had told which store it is."""
    marker = rig.root / MARKER
    async with rig.working():
        await rig.queue.until(lambda: bool(rig.queue.polls))
        marker.unlink()
        marker.mkdir()
        entry = rig.queue.offer(SPEC)
        await rig.queue.until(lambda: entry.state == "FAILED")
    assert [failure.code for failure in entry.failures] == ["STORE_UNAVAILABLE"]
