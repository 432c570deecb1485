"""What may be asked of a store, as strategies: each draws a move, and a move on a world is one step of it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

from services.api.domain.callbacks import CallbackFormat
from services.api.domain.export import Export
from services.api.domain.fairness import Fairness, Share
from services.api.domain.leases import UNLIMITED, Ability, LeasePolicy
from services.api.domain.notifications import DeliveryState, Held
from services.api.domain.quotas import UNLIMITED_QUOTAS, Quota, Quotas
from services.api.domain.retry import decide
from services.api.domain.states import CancelReason
from services.api.ports.exports import RequestMark
from services.api.ports.store import Store
from services.contract.capabilities import EVERYTHING, Capabilities, Requirement
from services.contract.codes import FailureCode
from services.contract.job import LeaseRef
from services.contract.outcome import Failure
from services.contract.store import artifact_prefix
from tests.ports.model import Asker, Entry, Model
from tests.ports.samples import OPTIONS, SECOND, SPEC, START, STATS, new_export, new_file

T = TypeVar("T")

POLICY = LeasePolicy(
    run_timeout=timedelta(seconds=45), unconfirmed_limit=3, given_back_limit=3, avoidance=timedelta(seconds=31)
)
TENANTS = ("acme", "bolt", "corp")
FAIRNESS = Fairness(Share(), {"bolt": Share(weight=3.0, max_running=2), "corp": Share(max_running=1)})
ENDED = (CancelReason.RETRIES_EXHAUSTED, CancelReason.NOT_RETRYABLE)
REPLACED = -1
NOWHERE = LeaseRef("nowhere", "f" * 32)


class World:
    """An empty store, the reference beside it, the time, and all that was ever handed out."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.model = Model(POLICY, FAIRNESS)
        self.now: datetime = START
        self.leases: list[LeaseRef] = []
        self.workers: dict[LeaseRef, str] = {}
        self.held: list[Held] = []

    def lease(self, back: int) -> LeaseRef:
        """One that was handed out, the last first: those in force, then any; -1 is one that another replaced."""
        in_force = [ref for ref in self.leases if self._entry(ref).held_under(ref)]
        if back == REPLACED:
            return _counted([ref for ref in self.leases if self._entry(ref).lease and ref not in in_force], -1, NOWHERE)
        return _counted([*_backwards(in_force), *_backwards(self.leases)], back, NOWHERE)

    def _entry(self, ref: LeaseRef) -> Entry:
        return self.model.entries[ref.export_id]

    def export(self, back: int, likely: Callable[[Export], bool] = lambda _: True) -> tuple[str, str]:
        """Tenant and id of one: first those that are likely, the last one first, then any."""
        exports = [entry.export for entry in self.model.entries.values()]
        found = [*_backwards([export for export in exports if likely(export)]), *_backwards(exports)]
        return _counted([(export.tenant, export.id) for export in found], back, ("acme", "nowhere"))

    def hold(self, back: int) -> Held:
        """One that was handed out, the last one first. There must be one."""
        return self.held[-1 - back % len(self.held)]


def _backwards(seen: Sequence[T]) -> list[T]:
    return [*seen][::-1]


def _counted(seen: Sequence[T], number: int, none: T) -> T:
    return seen[number % len(seen)] if seen else none


@dataclass(frozen=True)
class Step:
    """One verb of a port: how to ask the store, and what the model expects, given the store's answer.

    `again` is what a caller does who heard nothing. `shown` is the part of the answer that is compared.
    """

    ask: Callable[[], Awaitable[Any]]
    expect: Callable[[Any], Any]
    shown: Callable[[Any], Any] = lambda answer: answer
    again: Callable[[], "Step"] | None = None


Move = Callable[[World], Step]


@dataclass(frozen=True)
class Drawn:
    """A move that prints as what it does."""

    function: Callable[..., Step]
    drawn: dict[str, Any]

    def __call__(self, world: World) -> Step:
        return self.function(world, **self.drawn)

    def __repr__(self) -> str:
        return f"{self.function.__name__}({', '.join(f'{name}={value!r}' for name, value in self.drawn.items())})"


# ---- callers


def create(
    w: World,
    request: str,
    body: bytes,
    quotas: Quotas = UNLIMITED_QUOTAS,
    callback_format: CallbackFormat = CallbackFormat.XDENT,
    **asked: Any,
) -> Step:
    """`asked` are fields of the export."""
    options = replace(OPTIONS, callback_format=callback_format)
    export = new_export(**asked, options=options, create_time=w.now, update_time=w.now)
    mark = RequestMark(request, body) if request else None
    password = b"sealed" if export.encrypted else None
    return Step(
        lambda: w.store.exports.create(export, SPEC, mark, password, quotas),
        lambda _: w.model.create(export, mark, password, quotas),
        again=lambda: create(w, request, body, quotas, callback_format, **asked),
    )


def preview(w: World, tenant: str, limit: int) -> Step:
    return Step(
        lambda: w.store.usage.take(tenant, Quota.PREVIEWS, limit, w.now),
        lambda _: w.model.take(tenant, Quota.PREVIEWS, limit, w.now),
    )


def usage(w: World, tenant: str) -> Step:
    return Step(lambda: w.store.usage.usage(tenant, w.now), lambda _: w.model.usage(tenant, w.now))


def cancel(w: World, back: int, *, stranger: bool, only_if_queued: bool) -> Step:
    tenant, export_id = w.export(back, lambda export: not export.done)
    tenant = "stranger" if stranger else tenant
    return Step(
        lambda: w.store.exports.cancel(tenant, export_id, w.now, only_if_queued=only_if_queued),
        lambda _: w.model.cancel(tenant, export_id, w.now, only_if_queued=only_if_queued),
    )


def delete(w: World, back: int) -> Step:
    of = w.export(back, lambda export: export.done)
    return Step(lambda: w.store.exports.delete(*of, w.now), lambda _: w.model.delete(*of, w.now))


def retry(w: World, back: int, budget: int, *, sealed: bool) -> Step:
    of = w.export(back, lambda export: export.cancel_reason in ENDED)
    password = b"sealed again" if sealed else None
    return Step(
        lambda: w.store.exports.retry(*of, budget, password, w.now),
        lambda _: w.model.retry(*of, budget, password, w.now),
    )


# ---- workers and the clock


def claim(w: World, worker: str, poll: str, limit: int, ability: Ability = UNLIMITED) -> Step:
    def expect(answer: Any) -> list[tuple[Export, bytes | None]]:
        w.leases += [claimed.ref for claimed in answer if claimed.ref not in w.leases]
        w.workers |= {claimed.ref: worker for claimed in answer}
        told = [claimed.ref for claimed in answer]
        exports = w.model.claim(Asker(worker, ability, w.now), poll, limit, told)
        return [(export, w.model.entries[export.id].password) for export in exports]

    return Step(
        lambda: w.store.leases.claim(worker, poll, limit, w.now, ability),
        expect,
        lambda answer: [(claimed.export, claimed.sealed_password) for claimed in answer],
    )


def renew(w: World, backs: list[int]) -> Step:
    refs = [w.lease(back) for back in backs]
    worker = w.workers.get(refs[0], "w1")
    refs = [ref for ref in refs if w.workers.get(ref, worker) == worker]  # a worker knows no leases but its own
    return Step(lambda: w.store.leases.renew(worker, refs, w.now), lambda _: w.model.renew(worker, refs, w.now))


def complete(w: World, back: int, sha256: str, *, row_missing: bool) -> Step:
    ref = w.lease(back)
    entry = w.model.entries.get(ref.export_id)
    file = new_file(ref.export_id, sha256=sha256, now=w.now, encrypted=entry is not None and entry.export.encrypted)
    key = artifact_prefix(ref) + "export.zip"
    file = replace(file, artifact=replace(file.artifact, key=key))
    stats = replace(STATS, rows_written=STATS.rows_matched - row_missing)
    return Step(
        lambda: w.store.leases.complete(ref, file, stats, w.now), lambda _: w.model.complete(ref, file, stats, w.now)
    )


def fail(w: World, back: int, jitter: float, code: FailureCode) -> Step:
    ref = w.lease(back)
    failure = Failure(code, "the source did not answer")
    entry = w.model.entries.get(ref.export_id)
    attempt, most = (entry.export.attempt, entry.export.max_attempts) if entry else (1, 3)
    fate = decide(failure, attempt, most, jitter)
    return Step(
        lambda: w.store.leases.fail(ref, failure, fate, w.now), lambda _: w.model.fail(ref, failure, fate, w.now)
    )


def release(w: World, backs: list[int]) -> Step:
    refs = [w.lease(back) for back in backs]
    return Step(lambda: w.store.leases.release(refs, w.now), lambda _: w.model.release(refs, w.now))


def expire(w: World) -> Step:
    return Step(
        lambda: w.store.leases.expire(w.now),
        lambda _: w.model.expire(w.now),
        lambda answer: sorted(answer, key=lambda export: export.id),
    )


# ---- announcements


def hold(w: World, limit: int, seconds: int) -> Step:
    def expect(answer: Any) -> list[Any]:
        w.held += answer
        return w.model.outbox.hold(limit, w.now + seconds * SECOND, w.now, answer)

    return Step(
        lambda: w.store.outbox.hold(limit, w.now + seconds * SECOND, w.now),
        expect,
        lambda answer: [held.delivery for held in answer],
    )


def _settling(w: World, back: int, state: DeliveryState, ask: Callable[[Held], Awaitable[bool]], **due: Any) -> Step:
    if not w.held:
        return hold(w, 1, 30)
    held = w.hold(back)

    def expect(_: Any) -> bool:
        done = w.model.outbox.settle(held, state, "said", w.now, **due)
        if done and state is DeliveryState.SENT:
            event = held.delivery.event
            if not event or (event == "export.updated" and _says_end(held.delivery.notice)):
                w.model.sent(held.delivery.channel, held.delivery.export_id, held.delivery.run)
        return done

    return Step(lambda: ask(held), expect)


def _says_end(notice: dict[str, Any]) -> bool:
    return notice["data"]["object"]["status"] in {"finished", "failed"}


def sent(w: World, back: int) -> Step:
    return _settling(w, back, DeliveryState.SENT, lambda held: w.store.outbox.sent(held, "said", w.now))


def give_up(w: World, back: int) -> Step:
    return _settling(w, back, DeliveryState.GIVEN_UP, lambda held: w.store.outbox.give_up(held, "said", w.now))


def try_again(w: World, back: int, seconds: int) -> Step:
    due = w.now + seconds * SECOND
    return _settling(
        w, back, DeliveryState.PENDING, lambda held: w.store.outbox.try_again(held, "said", due, w.now), due=due
    )


def put_back(w: World, back: int, seconds: int) -> Step:
    if not w.held:
        return hold(w, 1, 30)
    held, due = w.hold(back), w.now + seconds * SECOND
    return Step(lambda: w.store.outbox.put_back([held], due), lambda _: w.model.outbox.put_back(held, due))


def redeliver(w: World, back: int) -> Step:
    if not w.held:
        return hold(w, 1, 30)
    delivery = w.hold(back).delivery
    return Step(
        lambda: w.store.outbox.redeliver(delivery.tenant, delivery.id, w.now),
        lambda _: w.model.outbox.redeliver(delivery, w.now),
    )


# ---- strategies

BACK = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5, 8])
"""How far back from the first choice: mostly what counts, sometimes what is long over."""

BACKS = st.lists(BACK, min_size=1, max_size=3)
WORKER = st.sampled_from(["w1", "w2"])
RETRIED, NEVER, GIVEN_BACK = FailureCode.SOURCE_UNAVAILABLE, FailureCode.VALUE_INVALID, FailureCode.DISK_FULL
CODE = st.sampled_from([RETRIED, RETRIED, NEVER, GIVEN_BACK, GIVEN_BACK])
A, B = "rows/sql/a", "rows/csv/b"
REQUIREMENT = st.sampled_from([Requirement(frozenset(needs)) for needs in ((), (A,), (A,), (B,), (A, B))])
CAN = [EVERYTHING, *(Capabilities(frozenset(names)) for names in ((), (A,), (B,), (A, B)))]
FOR_SOME = [
    replace(can, tenants=frozenset(names))
    for can in (EVERYTHING, CAN[2], CAN[4])
    for names in (TENANTS[:1], TENANTS[1:])
]
"""Workers of some tenants only."""

ABILITY = st.builds(
    Ability,
    st.sampled_from([EVERYTHING, *CAN, *CAN, *FOR_SOME]),
    st.sampled_from([(), *((can,) for can in (*CAN, *FOR_SOME)), (CAN[2], CAN[3])]),
)
QUOTAS = st.sampled_from(
    [
        *[UNLIMITED_QUOTAS] * 6,
        Quotas(waiting=2),
        Quotas(creates_a_minute=3),
        Quotas(waiting=5, creates_a_minute=4, notifications_a_day=3),
        Quotas(notifications_a_day=1),
    ]
)
SECONDS = st.sampled_from([0, 1, 30])


def _drawn(function: Callable[..., Step], **strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Move]:
    return st.fixed_dictionaries(strategies).map(lambda draws: Drawn(function, draws))


MOVES: dict[str, st.SearchStrategy[Move]] = {
    "create": _drawn(
        create,
        tenant=st.sampled_from(TENANTS),
        requirement=REQUIREMENT,
        priority=st.sampled_from([0, 0, 5]),
        max_attempts=st.integers(1, 3),
        callback_url=st.sampled_from(["", "https://x.test/"]),
        callback_format=st.sampled_from(CallbackFormat),
        notify_email=st.sampled_from(["", "a@x.test"]),
        request=st.sampled_from(["", "r1", "r2"]),
        encrypted=st.booleans(),
        body=st.sampled_from([b"one", b"one", b"two"]),
        quotas=QUOTAS,
    ),
    "preview": _drawn(preview, tenant=st.sampled_from(TENANTS), limit=st.integers(1, 3)),
    "usage": _drawn(usage, tenant=st.sampled_from(TENANTS)),
    "cancel": _drawn(cancel, back=BACK, stranger=st.sampled_from([False] * 7 + [True]), only_if_queued=st.booleans()),
    "delete": _drawn(delete, back=BACK),
    "retry": _drawn(retry, back=BACK, budget=st.integers(1, 2), sealed=st.booleans()),
    "claim": _drawn(
        claim, worker=WORKER, poll=st.sampled_from(["p1", "p2", "p3"]), limit=st.integers(1, 4), ability=ABILITY
    ),
    "renew": _drawn(renew, backs=BACKS),
    "complete": _drawn(
        complete,
        back=BACK,
        sha256=st.sampled_from(["ab" * 32, "cd" * 32]),
        row_missing=st.sampled_from([False] * 7 + [True]),
    ),
    "fail": _drawn(fail, back=BACK, jitter=st.sampled_from([0.0, 0.5, 1.0]), code=CODE),
    "release": _drawn(release, backs=BACKS),
    "expire": _drawn(expire),
    "hold": _drawn(hold, limit=st.integers(1, 3), seconds=SECONDS),
    "sent": _drawn(sent, back=BACK),
    "give_up": _drawn(give_up, back=BACK),
    "try_again": _drawn(try_again, back=BACK, seconds=SECONDS),
    "put_back": _drawn(put_back, back=BACK, seconds=SECONDS),
    "redeliver": _drawn(redeliver, back=BACK),
}

WRITES = tuple(move for name, move in MOVES.items() if name != "usage")
"""Moves that share a transaction, in the order in which they are made; what is only read has no place among them."""

_REPLACED = st.just(REPLACED)
ZOMBIES: st.SearchStrategy[Move] = st.one_of(
    _drawn(complete, back=_REPLACED, sha256=st.just("ee" * 32), row_missing=st.just(value=False)),
    _drawn(fail, back=_REPLACED, jitter=st.just(1.0), code=CODE),
    _drawn(release, backs=st.just([REPLACED])),
    _drawn(renew, backs=st.just([REPLACED])),
)
"""What a worker says whose export was leased to another meanwhile."""
