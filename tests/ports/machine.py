"""The state machine: rules are verbs, time, and processes that end."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

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
from services.api.ports.exports import ExportFilter, ExportPage
from services.contract.errors import ExportdError
from tests.ports.agreement import agree, plain
from tests.ports.bench import Bench, bench
from tests.ports.defects import Defect, sound
from tests.ports.invariants import check
from tests.ports.moves import (
    GIVEN_BACK,
    MOVES,
    POLICY,
    WRITES,
    ZOMBIES,
    Move,
    Step,
    claim,
    complete,
    expire,
    fail,
    renew,
)
from tests.ports.samples import SECOND
from tests.ports.snapshots import Snapshot

PASSES = (
    timedelta(),
    SECOND,
    2 * SECOND,
    15 * SECOND,
    30 * SECOND,
    76 * SECOND,
    timedelta(hours=1),
    timedelta(hours=24),
)

MAX_LIVES = 2
"""Restarts in one example: each costs as much as many verbs."""

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
    sound = False

    @initialize(creates=st.lists(MOVES["create"], min_size=1, max_size=4))
    def begin(self, creates: Sequence[Move]) -> None:
        self.world = self.at.begin()
        self.seen = Snapshot()
        self.lives = 0
        self.made([move(self.world) for move in creates])

    create = _verb("create")
    usage = _verb("usage")
    claim = _verb("claim")
    cancel = _verb("cancel")
    complete = _verb("complete", _leased)
    fail = _verb("fail", _leased)
    release = _verb("release", _leased)
    renew = _verb("renew", _leased)
    delete = _verb("delete", _done)
    retry = _verb("retry", _done)
    hold = _verb("hold")
    sent = _verb("sent", _held)
    give_up = _verb("give_up", _held)
    try_again = _verb("try_again", _held)
    put_back = _verb("put_back", _held)
    redeliver = _verb("redeliver", _held)

    @rule(move=MOVES["claim"], late=st.sampled_from([SECOND, 30 * SECOND]))
    def claimed_and_confirmed(self, move: Move, late: timedelta) -> None:
        """As a living worker does it; late, it may find its lease gone."""
        self.made([move(self.world)])
        self.world.now += late
        self.made([renew(self.world, list(range(1 + len(self.world.leases))))])

    @rule(length=st.sampled_from(PASSES), move=MOVES["expire"], lost=LOST)
    def time_passes_and_leases_end(self, length: timedelta, move: Move, *, lost: bool) -> None:
        self.world.now += length
        for _ in range(1 + lost):
            self.made([move(self.world)])

    @rule(moves=st.lists(st.one_of(*WRITES), min_size=2, max_size=6))
    def together(self, moves: Sequence[Move]) -> None:
        """They share a commit, in this order."""
        self.made([move(self.world) for move in moves])

    @rule(length=st.sampled_from(PASSES))
    def time_passes(self, length: timedelta) -> None:
        self.world.now += length

    @rule(move=st.one_of(MOVES["renew"], MOVES["complete"], MOVES["fail"], MOVES["claim"]))
    def stopped_and_continued(self, move: Move) -> None:
        """A worker that was away while its lease expired: its late word, or another worker, comes first."""
        self.world.now += POLICY.ttl
        self.made([expire(self.world)])
        self.made([move(self.world)])

    @rule(words=st.lists(ZOMBIES, min_size=1, max_size=2), worker=st.sampled_from(["w1", "w2"]))
    def leased_again_meanwhile(self, words: Sequence[Move], worker: str) -> None:
        """Perhaps by the same worker; the outcome of the first lease is said after that."""
        self.world.now += POLICY.ttl
        self.made([expire(self.world)])
        self.made([claim(self.world, worker, "again", 4)])
        for word in words:
            self.made([word(self.world)])

    @rule(times=st.integers(2, 4), backs=st.sampled_from([0, 1]))
    def workers_fail_in_turn(self, times: int, backs: int) -> None:
        """Their own environment fails, whatever they are handed, until that counts."""
        for time in range(times):
            self.made([claim(self.world, f"w{1 + time % 2}", f"ill {self.world.now} {time}", 4)])
            self.made([fail(self.world, back, 0.0, GIVEN_BACK) for back in range(backs + 1)])
            self.world.now += SECOND

    @precondition(lambda self: self.lives < MAX_LIVES)
    @rule(killed=st.booleans())
    def begun_again(self, *, killed: bool) -> None:
        self.lives += 1
        self.at.crash() if killed else self.at.restart()

    @rule(back=st.integers(0, 9), worker=st.sampled_from(["w1", "w2"]))
    def looked_at(self, back: int, worker: str) -> None:
        self.at.run(self._look(back, worker))

    def made(self, steps: Sequence[Step]) -> None:
        """Ask the store, then the model, and compare."""
        self.sound = False
        running = self.world.model.running()
        for step, answer in zip(steps, self.at.run(_asked(steps)), strict=True):
            assert _expected(step, answer) == _shown(step, answer)
        self._no_tenant_over_its_cap(running)
        self.sound = True

    def _no_tenant_over_its_cap(self, before: dict[str, int]) -> None:
        """Late heartbeats may bring back more than a cap allows; claims never add to that."""
        for tenant, running in self.world.model.running().items():
            cap = self.world.model.fairness.share(tenant).max_running
            revived = running - before.get(tenant, 0)
            assert not cap or running <= max(cap, before.get(tenant, 0)) or revived > 0

    @invariant()
    def everything_holds(self) -> None:
        now = self.at.snapshot()
        self.sound = False
        check(self.seen, now)
        agree(self.world, now)
        self.seen, self.sound = now, True

    async def _look(self, back: int, worker: str) -> None:
        w = self.world
        model, store, now = w.model, w.store, w.now
        tenant, export_id = w.export(back)
        export = model.get(tenant, export_id)
        assert await store.exports.get(tenant, export_id) == export
        assert await store.exports.get("stranger", export_id) is None
        assert [plain(t) for t in await store.exports.transitions(tenant, export_id)] == [
            plain(t) for t in model.transitions(tenant, export_id)
        ]
        assert await store.leases.standings(w.leases[-20:]) == [model.standing(ref) for ref in w.leases[-20:]]
        before = now - 2 * SECOND
        assert [c.lease_id for c in await store.leases.unconfirmed(worker, before)] == model.unconfirmed(worker, before)
        assert await store.leases.next_due(now) == model.next_due(now)
        assert await store.figures.running() == model.running()
        assert await store.exports.first_queued(tenant) == model.queued(tenant)
        if export and export.state is State.QUEUED:
            assert await store.exports.queue_position(export) == model.queued(tenant).index(export_id) + 1
        listed = [e.export for e in model.entries.values() if e.export.tenant == tenant and not e.deleted]
        assert await store.exports.page(tenant, ExportFilter(), "", 1000) == ExportPage(
            tuple(sorted(listed, key=lambda e: e.id, reverse=True))
        )
        told = await w.store.outbox.deliveries(tenant, export_id)
        assert [(d.run, d.channel, d.state, d.tries) for d in told] == [
            (d.run, d.channel, d.state, d.tries) for d in model.outbox.of(export_id)
        ]

    def teardown(self) -> None:
        """Nothing is stranded: one patient worker brings everything to its end."""
        if not self.sound:
            return  # a finding is on its way; what comes after would only hide it
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


def _shown(step: Step, answer: Any) -> Any:
    if isinstance(answer, BaseException) and not isinstance(answer, ExportdError):
        raise answer
    return answer if isinstance(answer, ExportdError) else step.shown(answer)


def prove(
    kind: str,
    examples: int,
    steps: int,
    *,
    repeatable: bool,
    phases: Sequence[Phase] = tuple(Phase),
    defect: Defect = sound,
) -> None:
    """Raises AssertionError for a store of RIGS that does not do what the model does."""
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=repeatable,
        database=None,
        deadline=None,
        phases=[phase for phase in phases if phase is not Phase.explain],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    with bench(kind, defect) as at:
        run_state_machine_as_test(type("StoreMachine", (StoreMachine,), {"at": at}), settings=profile)
