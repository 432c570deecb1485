"""The data of the store, and the only way in which an export changes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.api.domain.audit import AuditEntry
from services.api.domain.export import Export
from services.api.domain.fairness import Turn
from services.api.domain.history import CREATED, MAX_REASON_CHARACTERS, REASONS, Actor, Transition
from services.api.domain.keys import Key
from services.api.domain.links import DownloadLink
from services.api.domain.notifications import (
    MAX_TRIES_KEPT,
    SUPERSEDED,
    Delivery,
    DeliveryState,
    Try,
    announcements,
)
from services.api.domain.quotas import Quota, Window
from services.api.domain.states import ENDINGS, Event, State, target
from services.api.storage.memory.records import Announced, Record, Request
from services.api.storage.memory.rules import check


@dataclass(slots=True)
class MemoryData:
    """All data. Several stores may share it, in one event loop."""

    records: dict[str, Record] = field(default_factory=dict)
    requests: dict[tuple[str, str], Request] = field(default_factory=dict)
    history: dict[str, list[Transition]] = field(default_factory=dict)
    deliveries: dict[str, Announced] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)
    came: dict[str, int] = field(default_factory=dict)  # who waited at the last claim, and from when on
    store_id: str = ""
    keys: dict[str, Key] = field(default_factory=dict)
    windows: dict[tuple[str, Quota], Window] = field(default_factory=dict)
    links: dict[str, DownloadLink] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    audited: int = 0

    def there(self, tenant: str, export_id: str) -> Record | None:
        """Return the record of an export; None if it does not exist, belongs to another tenant, or was deleted."""
        record = self.records.get(export_id)
        hidden = record is None or record.export.tenant != tenant or record.deleted_time is not None
        return None if hidden else record

    def within(self, *states: State) -> Iterator[Record]:
        """Yield the records in one of these states, oldest first."""
        return (self.records[id_] for id_ in sorted(self.records) if self.records[id_].export.state in states)

    def keep(self, record: Record) -> None:
        """Store a record. Raises RuleBroken and stores nothing if it violates a rule."""
        check(record)
        self.records[record.export.id] = record

    def create(self, record: Record) -> None:
        """Store a new record with the first entry of its history."""
        self.keep(record)
        self.history[record.export.id] = [_entry(record.export, CREATED, None, Actor.CALLER)]
        self._announce(record.export, None, ends=False)

    def happen(
        self,
        record: Record,
        event: Event,
        now: datetime,
        actor: Actor,
        *,
        worker_id: str = "",
        reason: str = "",
        changed: Mapping[str, Any],
        **beside: Any,
    ) -> Export:
        """Apply an event to an export, record it in the history, and announce it.

        Return the changed export.

        `changed` has the changed fields of the export, `beside` those of the record. The caller has checked that the
        event may happen. Raises RuleBroken and changes nothing if the result violates a rule.
        """
        before = record.export
        told: dict[str, Any] = {"state": target(event), "version": before.version + 1, "update_time": now}
        export = replace(before, **{**told, **changed})
        self.keep(replace(record, export=export, **beside))
        why = reason or REASONS.get(event, "")
        self.history[export.id].append(_entry(export, event.name, before.state, actor, worker_id=worker_id, reason=why))
        if event in ENDINGS:
            self._supersede(export, now)
        self._announce(export, before.state, ends=event in ENDINGS)
        return export

    def _supersede(self, export: Export, now: datetime) -> None:
        for id_, announced in self.deliveries.items():
            delivery = announced.delivery
            is_end = delivery.export_id == export.id and not delivery.number
            if is_end and delivery.state is DeliveryState.PENDING:
                self.deliveries[id_] = settled(announced, SUPERSEDED, now, DeliveryState.GIVEN_UP)

    def _announce(self, export: Export, before: State | None, *, ends: bool) -> None:
        for new in announcements(export, before, ends=ends):
            delivery = Delivery(
                id=new.id,
                export_id=export.id,
                tenant=export.tenant,
                run=export.run,
                channel=new.channel,
                target=new.target,
                notice=new.notice,
                state=DeliveryState.PENDING,
                attempt=0,
                next_attempt_time=export.update_time,
                create_time=export.update_time,
                end_time=None,
                event=new.event,
                number=new.number,
                trace=export.trace,
            )
            self.deliveries[new.id] = Announced(delivery)


def settled(
    announced: Announced, outcome: str, now: datetime, state: DeliveryState, due: datetime | None = None
) -> Announced:
    """Return a delivery after an attempt with this outcome. `due` is set while the delivery is PENDING."""
    tries = (*announced.delivery.tries, Try(now, outcome))[-MAX_TRIES_KEPT:]
    ended = None if state is DeliveryState.PENDING else now
    return Announced(replace(announced.delivery, state=state, tries=tries, next_attempt_time=due, end_time=ended))


def _entry(
    export: Export, event: str, before: State | None, actor: Actor, *, worker_id: str = "", reason: str = ""
) -> Transition:
    return Transition(
        version=export.version,
        run=export.run,
        attempt=export.attempt,
        event=event,
        before=before,
        after=export.state,
        actor=actor,
        worker_id=worker_id,
        reason=reason[:MAX_REASON_CHARACTERS],
        time=export.update_time,
    )
