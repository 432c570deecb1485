"""Any verbs in any order, at any time, with answers lost and processes killed: the store does what the model does.

`make proof` runs it 2,000 times for 50 steps each; EXPORTD_PROOF=examples,steps says otherwise.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.api.domain.states import State
from services.api.ports import ExportFilter
from services.api.storage.database import SqliteDatabase
from services.api.storage.rows import to_export
from services.api.storage.tables import metadata
from services.contract.errors import ExportdError
from tests.ports.invariants import Snapshot, check, snapshot
from tests.ports.model import Entry
from tests.ports.moves import MOVES, POLICY, Move, Step, World, claim, complete, expire, renew
from tests.ports.samples import SECOND

T = TypeVar("T")

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder in memory, where there is one: what is proven here is not the disk
PASSES = (SECOND, 2 * SECOND, 15 * SECOND, 30 * SECOND, 76 * SECOND, timedelta(hours=1), timedelta(hours=24))

MOST_LIVES = 2
"""Restarts in one example: each costs as much as many verbs."""


class Bench:
    """One database file for all examples of a run, and an event loop of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._lives = 0
        self._crashed: list[SqliteDatabase] = []
        file = folder / "exportd.sqlite3"
        self.world = World(self.run(SqliteDatabase.open(file)), file)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    def begin(self) -> World:
        """On an empty store."""

        def wipe(db: Any) -> None:
            for table in reversed(metadata.sorted_tables):
                db.execute(table.delete())

        self.run(self.world.database.write(wipe))
        self.world.begin()
        return self.world

    def crash(self) -> None:
        """Go on with what kill -9 leaves of the file: what was committed, and no clean end."""
        self._lives += 1
        left = self._folder / f"life-{self._lives}.sqlite3"
        for suffix in ("", "-wal"):
            shutil.copy(f"{self.world.file}{suffix}", f"{left}{suffix}")
        self.run(self.world.database.close())
        self._go_on(left)

    def restart(self) -> None:
        """Close the file and open it again."""
        self.run(self.world.database.close())
        self._go_on(self.world.file)

    def _go_on(self, file: Path) -> None:
        self.world.file = file
        self.world.opened(self.run(self._opened(file)))

    async def _opened(self, file: Path) -> SqliteDatabase:
        return SqliteDatabase(file)

    def close(self) -> None:
        self.run(self.world.database.close())
        self._loop.close()


@contextmanager
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        opened = Bench(Path(folder))
        try:
            yield opened
        finally:
            opened.close()


LOST = st.sampled_from([False, False, True])
"""Whether the answer to a verb is lost, so that its caller repeats it."""


def _leased(self: "StoreMachine") -> bool:
    return bool(self.world.leases)


def _held(self: "StoreMachine") -> bool:
    return bool(self.world.held)


def _done(self: "StoreMachine") -> bool:
    return any(entry.export.done for entry in self.world.model.entries.values())


def _verb(name: str, when: Callable[["StoreMachine"], bool] = lambda _: True) -> Any:
    """A rule that makes one move, or makes it twice since the answer to the first was lost."""

    def once_or_twice(self: "StoreMachine", move: Move, *, lost: bool) -> None:
        step = move(self.world)
        self.made([step])
        if lost:
            self.world.now += SECOND
            self.made([step.again() if step.again else step])

    once_or_twice.__name__ = name
    return precondition(when)(rule(move=MOVES[name], lost=LOST)(once_or_twice))


class StoreMachine(RuleBasedStateMachine):
    """The store of `at`, beside its model."""

    at: Bench

    @initialize(creates=st.lists(MOVES["create"], min_size=1, max_size=4))
    def begin(self, creates: Sequence[Move]) -> None:
        self.world = self.at.begin()
        self.seen = Snapshot({}, {}, [])
        self.lives = 0
        self.made([move(self.world) for move in creates])

    create = _verb("create")
    claim = _verb("claim")
    cancel = _verb("cancel")
    complete = _verb("complete", _leased)
    fail = _verb("fail", _leased)
    release = _verb("release", _leased)
    renew = _verb("renew", _leased)
    delete = _verb("delete", _done)
    retry = _verb("retry", _done)
    hold = _verb("hold", _done)
    sent = _verb("sent", _held)
    give_up = _verb("give_up", _held)
    try_again = _verb("try_again", _held)
    redeliver = _verb("redeliver", _held)

    @rule(move=MOVES["claim"], late=st.sampled_from([SECOND, 30 * SECOND]))
    def claimed_and_confirmed(self, move: Move, late: timedelta) -> None:
        """As a living worker does it; late, it may find its lease gone."""
        self.made([move(self.world)])
        self.world.now += late
        self.made([renew(self.world, list(range(len(self.world.leases))))])

    @rule(length=st.sampled_from(PASSES), move=MOVES["expire"], lost=LOST)
    def time_passes_and_leases_end(self, length: timedelta, move: Move, *, lost: bool) -> None:
        self.world.now += length
        for _ in range(1 + lost):
            self.made([move(self.world)])

    @rule(moves=st.lists(st.one_of(*MOVES.values()), min_size=2, max_size=6))
    def together(self, moves: Sequence[Move]) -> None:
        """They share a commit, in this order."""
        self.made([move(self.world) for move in moves])

    @rule(length=st.sampled_from(PASSES))
    def time_passes(self, length: timedelta) -> None:
        self.world.now += length

    @rule(move=st.one_of(MOVES["renew"], MOVES["complete"], MOVES["fail"], MOVES["claim"]))
    def stopped_and_continued(self, move: Move) -> None:
        """A worker that was away while its lease ran out: its late word, or another worker, comes first."""
        self.world.now += POLICY.ttl
        self.made([expire(self.world)])
        self.made([move(self.world)])

    @precondition(lambda self: self.lives < MOST_LIVES)
    @rule(killed=st.booleans())
    def begun_again(self, *, killed: bool) -> None:
        self.lives += 1
        self.at.crash() if killed else self.at.restart()

    @rule(back=st.integers(0, 9), worker=st.sampled_from(["w1", "w2"]))
    def looked_at(self, back: int, worker: str) -> None:
        self.at.run(self._look(back, worker))

    def made(self, steps: Sequence[Step]) -> None:
        """Ask the store, then the model, and compare."""
        running = self.world.model.running()
        for step, answer in zip(steps, self.at.run(_asked(steps)), strict=True):
            assert _expected(step, answer) == answer_shown(step, answer)
        self._no_tenant_over_its_cap(running)

    def _no_tenant_over_its_cap(self, before: dict[str, int]) -> None:
        """Late heartbeats may bring back more than a cap allows; claims never add to that."""
        for tenant, running in self.world.model.running().items():
            cap = self.world.model.fairness.share(tenant).max_running
            revived = running - before.get(tenant, 0)
            assert not cap or running <= max(cap, before.get(tenant, 0)) or revived > 0

    @invariant()
    def everything_holds(self) -> None:
        now = self.at.run(self.world.database.write(snapshot))  # the thread that writes answers soonest
        check(self.seen, now)
        _agree(self.world, now)
        self.seen = now

    async def _look(self, back: int, worker: str) -> None:
        w = self.world
        model, store, now = w.model, w.store, w.now
        tenant, export_id = w.export(back)
        export = model.get(tenant, export_id)
        assert await store.get(tenant, export_id) == export
        assert await store.get("stranger", export_id) is None
        assert [_plain(t) for t in await store.transitions(tenant, export_id)] == [
            _plain(t) for t in model.transitions(tenant, export_id)
        ]
        assert await store.standings(w.leases[-20:]) == [model.standing(ref) for ref in w.leases[-20:]]
        before = now - 2 * SECOND
        assert [c.lease_id for c in await store.unconfirmed(worker, before)] == model.unconfirmed(worker, before)
        assert await store.next_due(now) == model.next_due(now)
        assert await store.running() == model.running()
        assert await store.first_queued(tenant) == model.queued(tenant)
        if export and export.state is State.QUEUED:
            assert await store.queue_position(export) == model.queued(tenant).index(export_id) + 1
        listed = [e.export for e in model.entries.values() if e.export.tenant == tenant and not e.deleted]
        assert await store.page(tenant, ExportFilter(), "", 1000) == sorted(listed, key=lambda e: e.id, reverse=True)
        told = await w.outbox.deliveries(tenant, export_id)
        assert [(d.run, d.channel, d.state, d.tries) for d in told] == [
            (d.run, d.channel, d.state, d.tries) for d in model.outbox.of(export_id)
        ]

    def teardown(self) -> None:
        """Nothing is stranded: one patient worker brings everything to its end."""
        if not hasattr(self, "world"):
            return
        w = self.world
        for _ in range(200):
            w.now += timedelta(minutes=5)
            self.made([expire(w)])
            before = len(w.leases)
            self.made([claim(w, "patient", "last", 10)])
            for back in range(len(w.leases) - before):
                self.made([renew(w, [back]), complete(w, back, "ef" * 32, row_missing=False)])
            if all(entry.export.done for entry in w.model.entries.values()):
                break
        else:
            raise AssertionError("some exports never end")
        self.everything_holds()


async def _asked(steps: Sequence[Step]) -> list[Any]:
    """In one go: what is asked while a commit runs goes into the next one together."""
    return await asyncio.gather(*(step.ask() for step in steps), return_exceptions=True)


def _expected(step: Step, answer: Any) -> Any:
    try:
        return step.expect([] if isinstance(answer, ExportdError) else answer)
    except ExportdError as refusal:
        return refusal


def answer_shown(step: Step, answer: Any) -> Any:
    if isinstance(answer, BaseException) and not isinstance(answer, ExportdError):
        raise answer
    return answer if isinstance(answer, ExportdError) else step.shown(answer)


def _plain(transition: Any) -> tuple[Any, ...]:
    """Without its reason, which is for people."""
    t = transition
    return (t.version, t.run, t.attempt, t.event, t.after, t.actor, t.worker_id, t.time)


def _agree(world: World, seen: Snapshot) -> None:
    """Every row is what the model says."""
    assert set(seen.exports) == set(world.model.entries)
    for export_id, entry in world.model.entries.items():
        row = seen.exports[export_id]
        assert to_export(row) == entry.export
        assert _beside(row) == _beside_in_model(entry)
        assert [_entry(e) for e in seen.history[export_id]] == [_plain(t) for t in entry.history]
    stored = {(r["export_id"], r["run"], r["channel"]): r for r in seen.deliveries}
    assert set(stored) == set(world.model.outbox.announced)
    for key, one in world.model.outbox.announced.items():
        row, delivery = stored[key], one.delivery
        assert (row["state"], row["attempt"], row["next_attempt_time"]) == (
            delivery.state,
            delivery.attempt,
            delivery.next_attempt_time,
        )
        assert (row["notice"], row["target"], row["lease_id"] or "") == (delivery.notice, delivery.target, one.lease)


def _beside(row: Any) -> tuple[Any, ...]:
    lease = (row["lease_id"], row["lease_worker_id"], row["lease_confirmed"], row["lease_expire_time"])
    counted = (row["lease_count"], row["unconfirmed_count"], row["ended_lease_id"] or "")
    return (lease, counted, row["sealed_password"], row["deleted_time"] is not None)


def _beside_in_model(entry: Entry) -> tuple[Any, ...]:
    held = entry.lease
    lease = (held.id, held.worker, held.confirmed, held.expires) if held else (None, None, False, None)
    return (lease, (entry.leases, entry.unconfirmed, entry.ended), entry.password, entry.deleted)


def _entry(row: Any) -> tuple[Any, ...]:
    names = ("version", "run", "attempt", "event", "state", "actor", "worker_id", "time")
    return tuple(row[name] for name in names)


def _prove(examples: int, steps: int, *, repeatable: bool, phases: Sequence[Phase] = tuple(Phase)) -> None:
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=repeatable,
        database=None,
        deadline=None,
        phases=[phase for phase in phases if phase is not Phase.explain],
        suppress_health_check=list(HealthCheck),
    )
    with bench() as at:
        run_state_machine_as_test(type("StoreMachine", (StoreMachine,), {"at": at}), settings=profile)


def test_the_store_does_what_the_model_does() -> None:
    examples, steps = (int(number) for number in os.environ.get("EXPORTD_PROOF", "60,30").split(","))
    _prove(examples, steps, repeatable="EXPORTD_PROOF" not in os.environ)
