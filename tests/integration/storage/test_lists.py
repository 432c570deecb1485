"""Calls that gather go through each verb together: a statement a verb, and to each caller what it would get alone."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from services.api.domain.fairness import Fairness, Share
from services.api.domain.leases import UNLIMITED, Ability
from services.api.domain.retry import GiveBack, RetryAfter
from services.api.ports.exports import REQUEST_ID_LASTS, ExportFilter, RequestMark
from services.api.storage.sql.stores import sql_store
from services.api.storage.sqlite.database import SqliteDatabase
from services.contract.capabilities import EVERYTHING, Capabilities, Requirement
from services.contract.errors import LeaseLost, RequestIdReused, RowsMissing
from services.contract.job import LeaseRef
from tests.integration.storage.gathering import gathered
from tests.ports.driving import POLICY
from tests.ports.samples import DISK_FULL, SECOND, SPEC, START, STATS, new_export, new_file
from tests.servers.new_database import new_database

MANY = 30
FAIRNESS = Fairness(Share(), {"double": Share(weight=2.0), "capped": Share(max_running=2)})


@pytest.fixture
def store(database):
    return sql_store(database, fairness=FAIRNESS)


async def create(store, count: int = MANY, **fields):
    made = [new_export(callback_url="https://x.test/", **fields) for _ in range(count)]
    return [await store.exports.create(export, SPEC, None) for export in made]


def claims(store, count: int = MANY, ability: Ability = UNLIMITED, now=START):
    return [store.leases.claim(f"w{n}", f"poll {n}", 1, now, ability) for n in range(count)]


def completion(store, lease: LeaseRef, sha256: str = "ab" * 32, **stats):
    file = replace(new_file(lease.export_id, sha256=sha256), id=f"file {lease.export_id} {sha256}")
    return store.leases.complete(lease, file, replace(STATS, **stats), START)


# ---- a statement a verb


async def test_a_life_takes_as_many_statements_for_thirty_three_exports_as_for_three(database, store, executed):
    async def life(count: int) -> int:
        before = len(executed)
        exports = [new_export(callback_url="https://x.test/", tenant=f"t-{n % 3}") for n in range(count)]
        created = await gathered(database, [store.exports.create(export, SPEC, None) for export in exports])
        jobs = [job for (job,) in await gathered(database, claims(store, count))]
        await gathered(database, [store.leases.renew("w", [job.ref], START) for job in jobs])
        done = await gathered(database, [completion(store, job.ref) for job in jobs])
        assert {export.id for export in done} == {export.id for export in created}
        return len(executed) - before

    await life(3)
    few = await life(3)
    # An INSERT has the rows of a power of two: these are two of them, too. Each tenant has more than one export now:
    # what comes after its first is read once.
    assert await life(33) <= few + 3


async def test_a_lone_life_in_sqlite_gives_no_rows_as_json(tmp_path):
    async with await SqliteDatabase.open(tmp_path / "own.sqlite3") as database:
        store, seen = sql_store(database, fairness=FAIRNESS), []
        await database.write(lambda db: db.connection.driver_connection.set_trace_callback(seen.append))
        (export,) = await create(store, 1)
        ((job,),) = [await claim for claim in claims(store, 1)]
        await store.leases.renew("w0", [job.ref], START)
        assert (await completion(store, job.ref)).id == export.id
        assert seen
        assert not [text for text in seen if "json_each" in text]


# ---- to each its own


async def test_each_create_gets_its_own_answer(database, store):
    mark, other = RequestMark("r", b"digest"), RequestMark("r", b"another")
    first, again, reused, plain = (new_export() for _ in range(4))
    answers = await gathered(
        database,
        [
            store.exports.create(first, SPEC, mark),
            store.exports.create(again, SPEC, mark),
            store.exports.create(reused, SPEC, other),
            store.exports.create(plain, SPEC, None),
        ],
    )
    assert answers[:2] == [first, first]
    assert isinstance(answers[2], RequestIdReused)
    assert answers[3] == plain
    there = [export.id for export in (first, again, reused, plain) if await store.exports.get("acme", export.id)]
    assert there == [first.id, plain.id]


async def test_of_many_request_ids_each_is_new_known_lapsed_or_reused(database, store):
    def marked(name: str, body: bytes = b"body") -> RequestMark:
        return RequestMark(name, body)

    earlier = [await store.exports.create(new_export(), SPEC, marked(name)) for name in ("known", "reused")]
    old = new_export(create_time=START - REQUEST_ID_LASTS)
    await store.exports.create(old, SPEC, marked("lapsed"))
    new = [new_export() for _ in range(9)]
    lapsed, foreign, twice, reused, unmarked = (new_export() for _ in range(5))
    foreign = replace(foreign, tenant="other")
    answers = await gathered(
        database,
        [
            *(store.exports.create(export, SPEC, marked(f"new {n}")) for n, export in enumerate(new)),
            store.exports.create(new_export(), SPEC, marked("known")),
            store.exports.create(reused, SPEC, marked("reused", b"another")),
            store.exports.create(lapsed, SPEC, marked("lapsed")),
            store.exports.create(foreign, SPEC, marked("known")),
            store.exports.create(twice, SPEC, marked("twice")),
            store.exports.create(new_export(), SPEC, marked("twice")),
            store.exports.create(unmarked, SPEC, None),
        ],
    )
    refused = answers.pop(10)
    assert isinstance(refused, RequestIdReused)
    ids = [export.id for export in (*new, earlier[0], lapsed, foreign, twice, twice, unmarked)]
    assert [export.id for export in answers] == ids
    for name, export in (("new 8", new[8]), ("lapsed", lapsed), ("twice", twice), ("known", earlier[0])):
        assert (await store.exports.made_by("acme", marked(name), START)).id == export.id
    there = {export.id for export in (await store.exports.page("acme", ExportFilter(), "", 100)).exports}
    assert there == {export.id for export in (*earlier, old, *new, lapsed, twice, unmarked)}


async def test_a_list_in_which_one_id_is_there_already_is_done_one_by_one(database, store):
    there = new_export()
    await store.exports.create(there, SPEC, None)
    new = [new_export() for _ in range(5)]
    marks = [RequestMark(f"r{n}", b"body") for n in range(6)]
    given = [*new[:3], there, *new[3:]]
    answers = await gathered(
        database, [store.exports.create(export, SPEC, mark) for export, mark in zip(given, marks, strict=True)]
    )
    assert [export.id for export in answers if not isinstance(export, Exception)] == [export.id for export in new]
    assert [type(answer).__name__ for answer in answers if isinstance(answer, Exception)] == ["IntegrityError"]
    assert await store.exports.made_by("acme", marks[3], START) is None  # nothing is left of the one that failed
    for export in new:
        assert len(await store.exports.transitions("acme", export.id)) == 1


async def test_each_completion_gets_its_own_answer(database, store):
    await create(store, 3)
    one, two, three = [job for (job,) in await gathered(database, claims(store, 3))]
    answers = await gathered(
        database,
        [
            completion(store, one.ref),
            completion(store, one.ref),
            completion(store, one.ref, sha256="cd" * 32),
            completion(store, two.ref, rows_written=1),
            completion(store, LeaseRef(three.export.id, "another")),
            completion(store, three.ref),
            completion(store, LeaseRef("nowhere", "x")),
        ],
    )
    assert [type(answer).__name__ for answer in answers] == [
        "Export", "NoneType", "LeaseLost", "RowsMissing", "LeaseLost", "Export", "LeaseLost",
    ]  # fmt: skip
    assert (answers[0].id, answers[5].id) == (one.export.id, three.export.id)
    assert {type(answers[3]), type(answers[4])} == {RowsMissing, LeaseLost}
    stored = await store.exports.get("acme", one.export.id)
    assert stored == answers[0]
    assert (stored.stats, stored.file.artifact.entries) == (STATS, new_file("").artifact.entries)


async def test_each_renewal_counts_by_itself(database, store):
    await create(store, 3)
    jobs = [job for (job,) in await gathered(database, claims(store, 3))]
    late = START + POLICY.ttl
    await store.leases.renew("w0", [jobs[0].ref], START)
    (expired,) = [export for export in await store.leases.expire(late) if export.id == jobs[0].export.id]
    refs = [job.ref for job in jobs]
    answers = await gathered(
        database, [store.leases.renew(f"w{n}", [ref, LeaseRef(ref.export_id, "x")], late) for n, ref in enumerate(refs)]
    )
    assert [[export.id for export in answer] for answer in answers] == [[expired.id], [], []]


async def test_what_fails_as_a_whole_is_done_one_by_one(database, store):
    one, other = new_export(), new_export()
    answers = await gathered(database, [store.exports.create(export, SPEC, None) for export in (one, one, other)])
    assert [isinstance(answer, sa.exc.IntegrityError) for answer in answers] == [False, True, False]
    for export in (one, other):
        assert [entry.event for entry in await store.exports.transitions("acme", export.id)] == ["CREATE"]


# ---- claims


async def wait(store) -> None:
    for tenant in ("single", "double", "capped"):
        await create(store, 12, tenant=tenant)


async def test_polls_that_are_served_in_one_go_get_what_they_would_get_one_by_one(tmp_path):
    async def handed(name: str, together: bool) -> list[str]:
        async with await new_database(tmp_path / name) as database:
            store = sql_store(database, fairness=FAIRNESS)
            await wait(store)
            asked = claims(store)
            answers = await gathered(database, asked) if together else [await each for each in asked]
            return [job.export.tenant for jobs in answers for job in jobs]

    assert await handed("together", together=True) == await handed("apart", together=False)


async def test_a_poll_that_is_asked_twice_at_once_gets_the_same(database, store):
    await create(store, 3)
    first, again = await gathered(database, [store.leases.claim("w", "poll", 2, START) for _ in range(2)])
    assert [job.ref for job in first] == [job.ref for job in again]
    assert len(first) == 2


async def test_polls_of_workers_that_can_do_different_things_get_what_each_can(database, store):
    shop, flights = (Requirement(frozenset({name})) for name in ("rows/sql/shop", "rows/csv/flights"))
    await create(store, 2, requirement=shop)
    await create(store, 2, requirement=flights)
    can = [Capabilities(shop.needs), EVERYTHING, Capabilities(flights.needs), Capabilities(shop.needs)]
    answers = await gathered(
        database, [store.leases.claim(f"w{n}", "poll", 1, START, Ability(each)) for n, each in enumerate(can)]
    )
    assert [[job.export.requirement for job in jobs] for jobs in answers] == [[shop], [shop], [flights], []]


async def test_what_a_worker_gave_back_is_kept_from_it_and_from_nobody_else_in_one_go(database, store):
    (export,) = await create(store, 1)
    (job,) = await store.leases.claim("w0", "before", 1, START)
    await store.leases.fail(job.ref, DISK_FULL, GiveBack(RetryAfter(SECOND)), START)
    others = Ability(EVERYTHING, (EVERYTHING,))
    answers = await gathered(database, claims(store, 3, others))
    assert [[job.export.id for job in jobs] for jobs in answers] == [[], [export.id], []]


async def test_a_poll_with_a_later_now_finds_what_is_due_by_then(database, store):
    await create(store, 1)
    (job,) = await store.leases.claim("w", "before", 1, START)
    await store.leases.fail(job.ref, DISK_FULL, RetryAfter(SECOND), START)
    answers = await gathered(database, [*claims(store, 1), store.leases.claim("w9", "poll", 1, START + SECOND)])
    assert [[one.export.id for one in jobs] for jobs in answers] == [[job.export.id], []]
