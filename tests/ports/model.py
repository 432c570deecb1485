"""What a store must do, said a second time in plain Python: the reference of the state machine.

Its verbs are those of the ports. What a store picks by chance (lease ids) is passed in as `told`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.api.domain.callbacks import CallbackFormat
from services.api.domain.export import Export, JobError, StoredFile
from services.api.domain.fairness import BEHIND, Fairness, Turn, first
from services.api.domain.history import CREATED, Actor, Transition
from services.api.domain.leases import Ability, LeasePolicy, Standing
from services.api.domain.notifications import Channel
from services.api.domain.quotas import UNLIMITED_QUOTAS, Quota, Quotas
from services.api.domain.retry import BECAUSE_CANCELLED, Fate, GiveBack, GiveUp
from services.api.domain.states import ENDINGS, LEASABLE, TERMINAL, TRANSITIONS, CancelReason, Event, State
from services.api.ports.exports import RequestMark
from services.contract import errors
from services.contract.job import LeaseRef, Verdict
from services.contract.outcome import Failure, RunStats
from tests.ports.model_outbox import ModelOutbox

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(hours=24)
ABOUT = 1_000 * BEHIND
"""Virtual time by which a store may differ: as often may tenants come back in an example, each a little behind."""


@dataclass(frozen=True)
class Lease:
    """The lease in force."""

    id: str
    worker: str
    poll: str
    created: datetime
    expires: datetime
    confirmed: bool = False


@dataclass
class Entry:
    """One export with all that stands beside it. `ended` is the lease that its own failure or a cancel ended last."""

    export: Export
    password: bytes | None
    lease: Lease | None = None
    ended: str = ""
    unconfirmed: int = 0
    given_back: int = 0
    leases: int = 0
    deleted: bool = False
    history: list[Transition] = field(default_factory=list)

    def held_under(self, ref: LeaseRef) -> bool:
        """The fence."""
        return self.lease is not None and self.lease.id == ref.lease_id


@dataclass(frozen=True)
class Asker:
    """Who asks for exports, and when."""

    worker: str
    ability: Ability
    now: datetime


class Model:
    """Exports by id, requests, turns of tenants, and announcements."""

    def __init__(self, policy: LeasePolicy, fairness: Fairness) -> None:
        self.policy = policy
        self.fairness = fairness
        self.entries: dict[str, Entry] = {}
        self.requests: dict[tuple[str, str], tuple[RequestMark, Export]] = {}
        self.turns: dict[str, Turn] = {}
        self.outbox = ModelOutbox()
        self.counted: list[tuple[str, Quota, datetime, int]] = []

    # ---- callers

    def create(
        self, export: Export, mark: RequestMark | None, password: bytes | None, quotas: Quotas = UNLIMITED_QUOTAS
    ) -> Export:
        key = (export.tenant, mark.request_id if mark else "")
        made = self.requests.get(key)
        if mark is not None and made and made[1].create_time > export.create_time - DAY:
            return self._made_before(mark, *made)
        self._count(export, quotas)
        if mark is not None:
            self.requests[key] = (mark, export)
        entry = self.entries[export.id] = Entry(export, password)
        self._note(entry, CREATED, None, Actor.CALLER)
        self.outbox.announce(export, None, ends=False)
        return export

    def _count(self, export: Export, quotas: Quotas) -> None:
        now, tenant = export.create_time, export.tenant
        if 0 < quotas.waiting <= self._waiting(tenant):
            raise errors.QuotaExceeded("waiting", quotas.waiting, quotas.waiting, 5)
        with_events = export.options.callback_format is CallbackFormat.SYNTAGE
        notices = bool(export.notify_email) + (4 if with_events else 1) * bool(export.callback_url)
        new = [(Quota.CREATES, quotas.creates_a_minute, 1), (Quota.NOTIFICATIONS, quotas.notifications_a_day, notices)]
        limited = [each for each in new if each[1] and each[2]]
        for quota, limit, count in limited:
            self._check_room(tenant, quota, limit, count, now)
        self.counted += [(tenant, quota, now, count) for quota, _, count in limited]

    def take(self, tenant: str, quota: Quota, limit: int, now: datetime) -> None:
        self._check_room(tenant, quota, limit, 1, now)
        self.counted.append((tenant, quota, now, 1))

    def _check_room(self, tenant: str, quota: Quota, limit: int, count: int, now: datetime) -> None:
        used = self._used(tenant, quota, now)
        if used + count > limit:
            window = timedelta(days=1) if quota is Quota.NOTIFICATIONS else timedelta(minutes=1)
            left = window - (now - MIDNIGHT) % window
            raise errors.QuotaExceeded(quota.value, used, limit, int(left.total_seconds()) + 1)

    def _used(self, tenant: str, quota: Quota, now: datetime) -> int:
        """Counted again from all that was ever counted."""
        window = timedelta(days=1) if quota is Quota.NOTIFICATIONS else timedelta(minutes=1)
        start = now - (now - MIDNIGHT) % window
        return sum(each[3] for each in self.counted if each[:2] == (tenant, quota) and each[2] >= start)

    def _waiting(self, tenant: str) -> int:
        return sum(e.export.tenant == tenant and e.export.state in LEASABLE for e in self.entries.values())

    def usage(self, tenant: str, now: datetime) -> dict[Quota, int]:
        own = [e for e in self.entries.values() if e.export.tenant == tenant]
        files = [file for e in own if not e.deleted for file in (e.export.file, e.export.attachments_file) if file]
        return {
            Quota.WAITING: self._waiting(tenant),
            Quota.RUNNING: sum(e.export.state is State.PROCESSING for e in own),
            Quota.LINKS: 0,
            Quota.KEPT_BYTES: sum(file.artifact.size_bytes for file in files if file.expire_time > now),
            **{q: self._used(tenant, q, now) for q in (Quota.CREATES, Quota.PREVIEWS, Quota.NOTIFICATIONS)},
        }

    def _made_before(self, mark: RequestMark, before: RequestMark, export: Export) -> Export:
        if mark.digest != before.digest:
            raise errors.RequestIdReused(mark.request_id)
        entry = self.entries[export.id]
        if entry.deleted:
            raise errors.ExportDeleted(export.id)
        return entry.export

    def cancel(self, tenant: str, export_id: str, now: datetime, *, only_if_queued: bool) -> tuple[Export, str]:
        entry = self._there(tenant, export_id)
        state = entry.export.state
        if state is State.CANCELLED:
            return entry.export, ""
        if state is State.COMPLETED:
            raise errors.IllegalTransition(export_id, state.value, "cancel")
        if only_if_queued and state is not State.QUEUED:
            raise errors.NotQueued(export_id, state.value)
        entry.ended = entry.lease.id if entry.lease else ""
        lasted = {"duration": now - entry.export.start_time} if state is State.PROCESSING else {}
        lasted["given_back_by"] = ""
        self._end(entry, Event.CANCEL, now, Actor.CALLER, cancel_reason=CancelReason.REQUESTED, **lasted)
        entry.lease = None
        return entry.export, entry.ended

    def delete(self, tenant: str, export_id: str, now: datetime) -> Export | None:
        entry = self.entries.get(export_id)
        if entry is None or entry.export.tenant != tenant:
            raise errors.ExportNotFound(export_id)
        if entry.deleted:
            return None
        if not entry.export.done:
            raise errors.IllegalTransition(export_id, entry.export.state.value, "delete")
        entry.deleted = True
        entry.export = replace(entry.export, version=entry.export.version + 1, update_time=now)
        return entry.export

    def retry(self, tenant: str, export_id: str, budget: int, password: bytes | None, now: datetime) -> Export:
        entry = self._there(tenant, export_id)
        export = entry.export
        if export.cancel_reason not in (CancelReason.RETRIES_EXHAUSTED, CancelReason.NOT_RETRYABLE):
            raise errors.IllegalTransition(export_id, export.state.value, "retry", _because(export))
        if export.encrypted and password is None:
            raise errors.PasswordRequired(export_id)
        if password is not None and not export.encrypted:
            raise errors.IllegalTransition(export_id, export.state.value, "retry", _because(export))
        entry.password, entry.lease, entry.unconfirmed, entry.given_back = password, None, 0, 0
        fresh = {"start_time": None, "end_time": None, "duration": None, "email_sent": False, "callback_sent": False}
        budgeted = {"run": export.run + 1, "max_attempts": export.attempt + budget, "cancel_reason": None}
        return self._happen(entry, Event.RETRY, now, Actor.OPERATOR, **budgeted, **fresh)

    def get(self, tenant: str, export_id: str) -> Export | None:
        try:
            return self._there(tenant, export_id).export
        except errors.ExportNotFound:
            return None

    def transitions(self, tenant: str, export_id: str) -> list[Transition]:
        return self.entries[export_id].history if self.get(tenant, export_id) else []

    # ---- workers

    def claim(self, asker: "Asker", poll: str, limit: int, told: Sequence[LeaseRef]) -> list[Export]:
        """Those that the store must have leased, in this order, under the ids that it told.

        Which of several tenants comes first whose jobs would begin within ABOUT is left to the store.
        """
        worker, now = asker.worker, asker.now
        again = [e for e in self._by_id() if self._unconfirmed(e, worker) and e.lease.poll == poll]
        if again:
            assert [e.lease.id for e in again] == [ref.lease_id for ref in told]
            return [e.export for e in again]
        claimed: list[Export] = []
        for entry in self._in_turn(asker, limit, [self.entries[ref.export_id].export.tenant for ref in told]):
            until = now + self.policy.confirm_window
            new_id = told[len(claimed)].lease_id if len(claimed) < len(told) else "the store handed out too few"
            entry.lease = Lease(new_id, worker, poll, now, until)
            entry.leases += 1
            leased = {"attempt": entry.export.attempt + 1, "start_time": now, "next_attempt_time": None}
            leased["given_back_by"] = ""
            claimed.append(self._happen(entry, Event.LEASE, now, Actor.WORKER, worker=worker, **leased))
        return claimed

    def _in_turn(self, asker: "Asker", limit: int, told: Sequence[str]) -> Iterator[Entry]:
        for place in range(limit):
            present = max((turn.served for turn in self.turns.values()), default=0)
            turns = {tenant: self.turns.get(tenant, Turn()) for tenant in self._who_may(asker)}
            if not turns:
                return
            soonest = min(turn.starts(present) for turn in turns.values())
            equals = {tenant: turn for tenant, turn in turns.items() if turn.starts(present) <= soonest + ABOUT}
            tenant = told[place] if place < len(told) and told[place] in equals else first(equals, present)
            entry = self._next_of(tenant, asker)
            assert entry is not None
            self.turns[tenant] = turns[tenant].taken(present, self.fairness.share(tenant).weight)
            yield entry

    def _who_may(self, asker: "Asker") -> Iterator[str]:
        running = self.running()
        for tenant in {e.export.tenant for e in self.entries.values() if e.export.state in LEASABLE}:
            if self._next_of(tenant, asker) and not self.fairness.capped(tenant, running.get(tenant, 0)):
                yield tenant

    def _next_of(self, tenant: str, asker: "Asker") -> Entry | None:
        due = [
            e
            for e in self.entries.values()
            if e.export.tenant == tenant
            and e.export.state in LEASABLE
            and (e.export.next_attempt_time is None or e.export.next_attempt_time <= asker.now)
            and self._may_have(asker, e.export)
        ]
        return min(due, key=lambda e: (-e.export.priority, e.export.id), default=None)

    def _may_have(self, asker: "Asker", export: Export) -> bool:
        own, needs = asker.ability.own, export.requirement.needs
        if own.names is not None and needs - own.names:
            return False
        if own.tenants and export.tenant not in own.tenants:
            return False
        if export.given_back_by != asker.worker or asker.now - export.update_time >= self.policy.avoidance:
            return True
        others = [other for other in asker.ability.others if not other.tenants or export.tenant in other.tenants]
        if not own.tenants:  # for all it counts others of its like
            others = [other for other in asker.ability.others if not other.tenants]
        return all(other.names is not None and needs - other.names for other in others)

    def standing(self, ref: LeaseRef) -> Standing:
        entry = self.entries.get(ref.export_id)
        if entry is None:
            return Standing(ref, Verdict.LOST)
        export = entry.export
        if entry.deleted or (export.cancel_reason is CancelReason.REQUESTED and entry.ended == ref.lease_id):
            return Standing(ref, Verdict.CANCELLED, export=export)
        if not entry.held_under(ref):
            return Standing(ref, Verdict.LOST, export=export)
        expired = export.state is State.FAILED
        return Standing(ref, Verdict.KEEP, entry.lease.confirmed, expired, entry.lease.expires, export)

    def unconfirmed(self, worker: str, before: datetime) -> list[str]:
        return [e.lease.id for e in self._by_id() if self._unconfirmed(e, worker) and e.lease.created < before]

    def renew(self, worker: str, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        revived = []
        for entry in self._held(leases):
            longest = entry.export.start_time + self.policy.run_timeout + self.policy.ttl
            renewed = replace(entry.lease, worker=worker, confirmed=True, expires=min(now + self.policy.ttl, longest))
            if entry.export.state is State.PROCESSING:
                entry.lease = renewed
            elif entry.export.state is State.FAILED and longest > now:
                entry.lease = renewed
                revived.append(
                    self._happen(entry, Event.RENEW, now, Actor.WORKER, worker=worker, next_attempt_time=None)
                )
        return revived

    def complete(self, ref: LeaseRef, file: StoredFile, stats: RunStats, now: datetime) -> Export | None:
        if stats.rows_matched != stats.rows_written:
            raise errors.RowsMissing(stats.rows_matched, stats.rows_written)
        entry = self.entries.get(ref.export_id)
        if entry is None or not entry.held_under(ref):
            raise self._fenced(ref)
        if entry.export.state is State.COMPLETED:
            if entry.export.file.artifact.sha256 == file.artifact.sha256:
                return None
            raise self._fenced(ref)
        entry.lease = replace(entry.lease, confirmed=True)
        lasted = now - entry.export.start_time
        worker = entry.lease.worker
        return self._end(entry, Event.COMPLETE, now, Actor.WORKER, worker, file=file, stats=stats, duration=lasted)

    def fail(self, ref: LeaseRef, failure: Failure, fate: Fate, now: datetime) -> Export | None:
        entry = self.entries.get(ref.export_id)
        if entry is None or not entry.held_under(ref) or entry.export.state is not State.PROCESSING:
            if entry and entry.ended == ref.lease_id and entry.export.cancel_reason is not CancelReason.REQUESTED:
                return None
            raise self._fenced(ref)
        worker, entry.lease, entry.ended = entry.lease.worker, None, ref.lease_id
        if isinstance(fate, GiveBack) and entry.given_back + 1 < self.policy.given_back_limit:
            entry.given_back += 1
            back = _attempt_given_back(entry.export) | {"given_back_by": worker}
            return self._happen(entry, Event.GIVE_BACK, now, Actor.WORKER, worker=worker, **back)
        fate = fate.otherwise if isinstance(fate, GiveBack) else fate
        ended = self._failed(entry, failure.code, failure.message, now)
        if isinstance(fate, GiveUp):
            return self._end(entry, Event.GIVE_UP, now, Actor.WORKER, worker, cancel_reason=fate.reason, **ended)
        due = now + fate.delay
        return self._happen(entry, Event.FAIL, now, Actor.WORKER, worker=worker, next_attempt_time=due, **ended)

    def release(self, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        released = []
        for entry in self._held(leases):
            if entry.export.state is State.PROCESSING:
                worker, entry.lease = entry.lease.worker, None
                back = _attempt_given_back(entry.export)
                released.append(self._happen(entry, Event.RELEASE, now, Actor.WORKER, worker=worker, **back))
        return released

    def expire(self, now: datetime) -> list[Export]:
        running = [e for e in self._by_id() if e.export.state is State.PROCESSING]
        return [self._expired(entry, now) for entry in running if entry.lease.expires <= now]

    def _expired(self, entry: Entry, now: datetime) -> Export:
        export = entry.export
        if not entry.lease.confirmed and entry.unconfirmed + 1 < self.policy.unconfirmed_limit:
            entry.lease, entry.unconfirmed = None, entry.unconfirmed + 1
            back = _attempt_given_back(export)
            return self._happen(entry, Event.EXPIRE_UNCONFIRMED, now, Actor.CLOCK, **back)
        ended = self._failed(entry, "LEASE_EXPIRED", "the worker stopped answering", now)
        if export.attempt < export.max_attempts:
            return self._happen(entry, Event.EXPIRE, now, Actor.CLOCK, next_attempt_time=now, **ended)
        entry.lease = None
        exhausted = CancelReason.RETRIES_EXHAUSTED
        return self._end(entry, Event.EXPIRE_LAST, now, Actor.CLOCK, cancel_reason=exhausted, **ended)

    # ---- looking

    def running(self) -> dict[str, int]:
        tenants = [e.export.tenant for e in self.entries.values() if e.export.state is State.PROCESSING]
        return {tenant: tenants.count(tenant) for tenant in tenants}

    def queued(self, tenant: str) -> list[str]:
        """Ids, first in the queue first."""
        waiting = [e.export for e in self.entries.values() if e.export.state is State.QUEUED]
        own = [export for export in waiting if export.tenant == tenant]
        return [export.id for export in sorted(own, key=lambda export: (-export.priority, export.id))]

    def next_due(self, now: datetime) -> datetime | None:
        due = [e.export.next_attempt_time for e in self.entries.values() if e.export.state is State.FAILED]
        return min((moment for moment in due if moment > now), default=None)

    def sent(self, channel: Channel, export_id: str, run: int) -> None:
        """The export says so, unless a later run began."""
        entry = self.entries[export_id]
        if entry.export.run == run:
            flag = {Channel.CALLBACK: "callback_sent", Channel.EMAIL: "email_sent"}[channel]
            entry.export = replace(entry.export, **{flag: True})

    # ---- inside

    def _by_id(self) -> list[Entry]:
        return [self.entries[id_] for id_ in sorted(self.entries)]

    def _there(self, tenant: str, export_id: str) -> Entry:
        entry = self.entries.get(export_id)
        if entry is None or entry.deleted or entry.export.tenant != tenant:
            raise errors.ExportNotFound(export_id)
        return entry

    def _held(self, leases: Sequence[LeaseRef]) -> Iterator[Entry]:
        for ref in leases:
            entry = self.entries.get(ref.export_id)
            if entry is not None and entry.held_under(ref):
                yield entry

    def _unconfirmed(self, entry: Entry, worker: str) -> bool:
        mine = entry.lease is not None and entry.lease.worker == worker and not entry.lease.confirmed
        return mine and entry.export.state is State.PROCESSING

    def _fenced(self, ref: LeaseRef) -> errors.ExportdError:
        cancelled = self.standing(ref).verdict is Verdict.CANCELLED
        return errors.JobCancelled(ref.export_id) if cancelled else errors.LeaseLost(ref.export_id)

    def _failed(self, entry: Entry, code: str, message: str, now: datetime) -> dict[str, Any]:
        export = entry.export
        error = JobError(export.attempt, code, message, now, export.run)
        return {"duration": now - export.start_time, "errors": (*export.errors, error)[-50:]}

    def _end(self, entry: Entry, event: Event, now: datetime, actor: Actor, worker: str = "", **changed: Any) -> Export:
        entry.password = None
        return self._happen(entry, event, now, actor, worker=worker, end_time=now, next_attempt_time=None, **changed)

    def _happen(
        self, entry: Entry, event: Event, now: datetime, actor: Actor, *, worker: str = "", **changed: Any
    ) -> Export:
        before = entry.export
        after = TRANSITIONS[before.state, event]
        entry.export = replace(before, state=after, version=before.version + 1, update_time=now, **changed)
        self._note(entry, event.name, before.state, actor, worker)
        assert (event in ENDINGS) == (entry.export.state in TERMINAL)
        self.outbox.announce(entry.export, before.state, ends=event in ENDINGS)
        return entry.export

    def _note(self, entry: Entry, event: str, before: State | None, actor: Actor, worker: str = "") -> None:
        e = entry.export
        entry.history.append(
            Transition(e.version, e.run, e.attempt, event, before, e.state, actor, worker, "", e.update_time)
        )


def _attempt_given_back(export: Export) -> dict[str, Any]:
    return {"attempt": export.attempt - 1, "start_time": export.start_time if export.attempt > 1 else None}


def _because(export: Export) -> str:
    return BECAUSE_CANCELLED if export.cancel_reason is CancelReason.REQUESTED else ""
