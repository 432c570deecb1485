"""However many exports there are in PostgreSQL, nothing reads them all: counted in rows, not in time."""

from collections import Counter
from functools import partial

import pytest
import sqlalchemy as sa

from services.api.domain.leases import LeasePolicy
from services.api.domain.retry import RetryAfter
from services.api.ports.exports import ExportFilter, IdRange, RequestMark
from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.sql.places import Places
from services.api.storage.sql.stores import sql_store
from services.api.storage.sql.tables import exports
from services.api.storage.sql.verbs.reading import ReadingVerbs, Wanted
from tests.ports.lining_up import line_up
from tests.ports.samples import CRASH, SECOND, SPEC, START, new_export
from tests.servers.stores import new_store

MANY, TENANTS = 20_000, 2_000
TABLES = ("exports", "line", "tenants", "transitions", "deliveries", "requests")
JOBS = 16
MAX_ROWS_A_JOB = 40
"""By index: the export, its row in the line, the tenant's turn, each a few times."""

MAX_ROWS_A_REPORT = 3
"""The export, and its entry of the history where that is read."""

READ = """SELECT relname, coalesce(seq_tup_read, 0), coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
  WHERE relname = ANY(%s)"""


@pytest.fixture(scope="module")
async def database():
    async with PostgresDatabase(Address(new_store())) as opened:
        first = await sql_store(opened).exports.create(new_export(), SPEC, None)
        await opened.write(lambda db: fill(db, first.id))
        yield opened


def fill(db, export_id: str, many: int = MANY) -> None:
    """Copies of one export that waits: as many waiting, and as many cancelled, of many tenants each."""
    is_over = f"n > {many}"
    own = {
        "id": "lpad(n::text, 36, '0')",
        "tenant": f"'tenant-' || mod(n, {TENANTS})",
        "state": f"CASE WHEN {is_over} THEN 'CANCELLED' ELSE 'QUEUED' END",
        "cancel_reason": f"CASE WHEN {is_over} THEN 'REQUESTED' END",
        "end_time": f"CASE WHEN {is_over} THEN e.create_time END",
    }
    names = [column.name for column in exports.c]
    values = ", ".join(own.get(name, f"e.{name}") for name in names)
    db.exec_driver_sql(
        f"INSERT INTO exports ({', '.join(names)}) SELECT {values} FROM exports e, generate_series(1, {2 * many}) n"
        f" WHERE e.id = '{export_id}'"
    )
    line_up(db)
    for table in TABLES:
        db.exec_driver_sql(f"ANALYZE {table}")


class Reading:
    """A store of which each transaction counts the rows that it has read."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self.whole: Counter[str] = Counter()
        self.by_index: Counter[str] = Counter()
        self.dialect = database.dialect

    def __getattr__(self, way):
        run = getattr(self._database, way)
        if way == "erase":
            return run

        async def counted(*asked):
            if way in ("write_listed", "write_in_turn"):
                work, item = asked
                return await run(lambda db, items: self.counting(db, lambda: work(db, items)), item)
            if way == "read_listed":
                verb, item = asked
                (answer,) = await self._database.write(lambda db: self.counting(db, lambda: verb(db, [item])))
                return answer
            *_, work = asked
            return await self._database.write(lambda db: self.counting(db, lambda: work(db)))

        return counted

    def counting(self, db: sa.Connection, work):
        before = _counts(db)
        answer = work()
        for table, counts in _counts(db).items():
            whole, by_index = (now - then for now, then in zip(counts, before.get(table, (0, 0)), strict=True))
            self.whole[table] += whole
            self.by_index[table] += by_index
        return answer


def _counts(db: sa.Connection) -> dict[str, tuple[int, int]]:
    """Since this session last told the server's statistics, which it does between transactions."""
    return {table: (whole, by_index) for table, whole, by_index in db.exec_driver_sql(READ, ([*TABLES],))}


@pytest.mark.parametrize("way", ["write", "write_soon"])
async def test_writers_join_lists_by_looking_rows_up(database, way):
    """Else a list of renewals reads every entry of the index of running exports, dead ones, too."""
    for name in ("enable_hashjoin", "enable_mergejoin", "enable_bitmapscan", "enable_material", "enable_seqscan"):
        assert await getattr(database, way)(lambda db, name=name: db.exec_driver_sql(f"SHOW {name}").scalar()) == "off"


async def test_reports_of_workers_read_their_exports_alone_though_none_ran_at_the_last_look():
    """Else the plan is to read all that run: the statistics are minutes old, and so are prepared plans."""
    async with PostgresDatabase(Address(new_store())) as database:
        store, reading = sql_store(database), Reading(database)
        first = await store.exports.create(new_export(), SPEC, None)
        await database.write(lambda db: fill(db, first.id, MANY // 10))
        jobs = await store.leases.claim("worker", "poll", 8 * JOBS, START)
        leases, counted = [job.ref for job in jobs[:JOBS]], sql_store(reading)
        assert len(jobs) == 8 * JOBS
        for report in (counted.leases.renew("worker", leases, START), counted.leases.release(leases, START)):
            before = reading.by_index["exports"]
            await report
            assert reading.by_index["exports"] - before <= MAX_ROWS_A_REPORT * JOBS
        assert not reading.whole["exports"]


async def test_a_claim_reads_a_few_rows_for_each_job_and_walks_no_table(database):
    reading = Reading(database)
    store = sql_store(reading)
    jobs = await store.leases.claim("worker", "poll", JOBS, START)
    assert len({job.export.tenant for job in jobs}) == JOBS
    assert not +reading.whole
    assert sum(reading.by_index.values()) <= JOBS * MAX_ROWS_A_JOB


@pytest.mark.parametrize("jobs", [1, JOBS])
async def test_a_claim_among_many_reads_as_many_rows_as_among_few(database, jobs):
    async with PostgresDatabase(Address(new_store())) as other:
        few = Reading(other)
        for number in range(3 * JOBS):
            await sql_store(other).exports.create(new_export(tenant=f"t{number}"), SPEC, None)
        await other.write(lambda db: db.exec_driver_sql("SET enable_seqscan = off"))
        assert len(await sql_store(few).leases.claim("worker", f"few-{jobs}", jobs, START)) == jobs
    many = Reading(database)
    assert len(await sql_store(many).leases.claim("worker", f"many-{jobs}", jobs, START)) == jobs
    assert sum(many.by_index.values()) <= 1.5 * sum(few.by_index.values())


async def test_reads_for_many_callers_walk_no_table(database):
    """Neither those of exports by their ids, nor that of the whole line of a tenant."""
    reading = Reading(database)
    verbs = ReadingVerbs(Places())
    wanted = [Wanted(f"tenant-{n % TENANTS}", f"{n:036}") for n in range(7, 4 * TENANTS, TENANTS // 8)]
    for size in (1, 4, 5, len(wanted)):
        ask = partial(verbs.placed, wanted=wanted[:size])
        assert None not in await database.write(lambda db, ask=ask: reading.counting(db, lambda: ask(db)))
    assert not +reading.whole


async def test_no_other_verb_walks_a_table(database):
    """But `depth`, which counts what waits."""
    reading = Reading(database)
    store = sql_store(reading, LeasePolicy())
    export = await store.exports.create(new_export(callback_url="https://x.test/"), SPEC, RequestMark("r", b"d"))
    await store.exports.create(new_export(), SPEC, RequestMark("r", b"d"))
    assert await store.exports.placed("acme", export.id)
    assert await store.exports.get("acme", export.id)
    await store.exports.versions([export.id])
    await store.exports.get_by_file("acme", "nowhere")
    await store.exports.ids("acme", IdRange(export.id, export.id), 10)
    assert (await store.exports.page("tenant-7", ExportFilter(labels={"a": "b"}), "", 10)).exports == ()
    await store.exports.first_queued("tenant-7")
    await store.exports.transitions("acme", export.id)
    (job,) = await store.leases.claim("worker", "all", 1, START)
    await store.leases.renew("worker", [job.ref], START)
    await store.leases.standings([job.ref])
    await store.leases.unconfirmed("worker", START)
    await store.leases.fail(job.ref, CRASH, RetryAfter(SECOND), START)
    await store.leases.next_due(START)
    await store.leases.expire(START)
    await store.exports.cancel("acme", export.id, START, only_if_queued=True)
    (held,) = await store.outbox.hold(10, START + SECOND, START)
    await store.outbox.sent(held, "204", START)
    await store.outbox.next_due()
    await store.exports.delete("acme", export.id, START)
    await store.figures.running()
    await store.figures.latest()
    await store.retention.kept([job.ref], START, SECOND)
    assert (reading.whole["exports"], reading.whole["line"]) == (0, 0)  # of the others there is little here
