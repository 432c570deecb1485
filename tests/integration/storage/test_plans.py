"""However many exports there are, nothing reads them all."""

import pytest
import sqlalchemy as sa

from services.api.domain.leases import LeasePolicy
from services.api.domain.retry import GiveUp, RetryAfter
from services.api.domain.states import CancelReason
from services.api.ports import ExportFilter, RequestMark
from services.api.storage.sqlite import SqliteExportStore
from tests.ports.driving import WORKER, completed, expired, failed, leased
from tests.ports.samples import CRASH, SECOND, SPEC, START, new_export


@pytest.fixture
async def store(tmp_path):
    async with await SqliteExportStore.open(tmp_path / "exportd.sqlite3", LeasePolicy()) as opened:
        yield opened


@pytest.fixture
def statements(store):
    seen = {}

    def record(connection, cursor, statement, parameters, *context_and_many):
        if statement.startswith(("SELECT", "UPDATE", "INSERT")):
            seen[statement] = parameters

    for engine in (store._writer._engine, store._for_callers.sync_engine, store._for_workers.sync_engine):
        sa.event.listen(engine, "before_cursor_execute", record)
    return seen


async def use_every_verb(store):
    export = await store.create(new_export(), SPEC, RequestMark("r", b"d"))
    await store.create(new_export(), SPEC, RequestMark("r", b"d"))
    await store.cancel("acme", export.id, START, only_if_queued=True)
    await store.delete("acme", export.id, START)
    done = await completed(store)
    await store.get_by_file("acme", done.export.file.id)
    await store.page("acme", ExportFilter(labels={"a": "b"}), export.id, 10)
    await store.queue_position(export)
    late = await expired(store)
    await store.renew(WORKER, [late.lease], late.now)
    await store.standings([late.lease])
    await store.unconfirmed(WORKER, START)
    await store.release([late.lease], late.now)
    await store.fail((await leased(store)).lease, CRASH, GiveUp(CancelReason.NOT_RETRYABLE), START)
    await store.fail((await failed(store)).lease, CRASH, RetryAfter(SECOND), START)
    await store.next_due(START)
    await store.depth(START)


async def test_no_statement_reads_the_whole_table(store, statements):
    await use_every_verb(store)
    assert len(statements) > 25
    for statement, parameters in statements.items():
        plan = await store._read(
            lambda db, s=statement, p=parameters: db.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p).all()
        )
        scans = [step.detail for step in plan if step.detail.startswith(("SCAN exports", "SCAN requests"))]
        # Counting those that wait walks their own small index; nothing else walks.
        assert all("COVERING INDEX exports_leasable" in scan or "exports_leased" in scan for scan in scans), statement
        if scans:
            assert "count(*)" in statement
