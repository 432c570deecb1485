"""What callers and operators do with exports."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from services.api.domain.audit import NOBODY, Action, AuditEntry, Origin, of_export
from services.api.domain.export import Export
from services.api.domain.history import Actor
from services.api.domain.quotas import UNLIMITED_QUOTAS, Quotas
from services.api.domain.retry import BECAUSE_CANCELLED
from services.api.domain.states import CancelReason, Event, State, sources, target
from services.api.ports.exports import (
    MAX_QUEUE_POSITION,
    REQUEST_ID_LASTS,
    ExportFilter,
    ExportPage,
    RequestMark,
)
from services.api.storage.sql import transitions as changes
from services.api.storage.sql.history import history_of
from services.api.storage.sql.listed import Appended
from services.api.storage.sql.listing import MAX_LOOKED_AT, Listing
from services.api.storage.sql.places import Places
from services.api.storage.sql.prepared import Inserts, Prepared
from services.api.storage.sql.rows import EXPORT_COLUMNS, NEW_COLUMNS, Row, new_row, to_export
from services.api.storage.sql.statements import Statements
from services.api.storage.sql.tables import exports, in_states, requests
from services.api.storage.sql.verbs import audit
from services.api.storage.sql.verbs.reading import ReadingVerbs
from services.api.storage.sql.verbs.usage import UsageVerbs
from services.contract.errors import (
    ExportDeleted,
    ExportdError,
    ExportNotFound,
    IllegalTransition,
    NotQueued,
    PasswordRequired,
    QuotaExceeded,
    RequestIdReused,
)
from services.contract.spec import JobSpec

_c = exports.c
_by_id = Prepared(
    sa.select(*EXPORT_COLUMNS).where(_c.id == sa.bindparam("of_id"), _c.tenant == sa.bindparam("of_tenant"))
)
_insert = Appended(exports, NEW_COLUMNS)
_versions = sa.select(_c.id, _c.version).where(
    _c.id.in_(sa.bindparam("ids", expanding=True)), _c.deleted_time.is_(None)
)
_by_file = sa.select(*EXPORT_COLUMNS).where(
    sa.or_(_c.file_id == sa.bindparam("of_file"), _c.attachments_id == sa.bindparam("of_file")),
    _c.tenant == sa.bindparam("of_tenant"),
    _c.deleted_time.is_(None),
)
_first_with_request_id = (
    sa.select(requests.c.digest.label("request_digest"), requests.c.create_time.label("request_time"), *EXPORT_COLUMNS)
    .join_from(requests, exports)
    .where(requests.c.tenant == sa.bindparam("of_tenant"), requests.c.request_id == sa.bindparam("of_request"))
)
_identified = sa.select(requests.c.export_id).where(requests.c.export_id.in_(sa.bindparam("ids", expanding=True)))
_queued_by = sa.select(_c.id).where(in_states({State.QUEUED}), _c.tenant == sa.bindparam("of_tenant"))
_first_queued = _queued_by.order_by(_c.priority.desc(), _c.id).limit(MAX_QUEUE_POSITION)


@dataclass(frozen=True, slots=True)
class Creation:
    """The arguments of `create`; see ExportStore."""

    export: Export
    spec: JobSpec
    mark: RequestMark | None
    sealed_password: bytes | None = field(repr=False)
    quotas: Quotas = UNLIMITED_QUOTAS
    by: Origin = NOBODY


class ExportVerbs:
    """The verbs of an ExportStore. `monotonic`: see Places."""

    def __init__(
        self,
        sql: Statements,
        max_looked_at: int = MAX_LOOKED_AT,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._take_request_id = _taking(sql)
        self._keep_request_id = _keeping(sql)
        self._listing = Listing(sql.dialect, max_looked_at)
        self._history = history_of(sql)
        self._places = Places(monotonic)
        self.reading = ReadingVerbs(self._places)
        self._usage = UsageVerbs(sql)

    def create(self, db: sa.Connection, creations: Sequence[Creation]) -> list[Export | Exception]:
        """Create exports. A ListVerb."""
        new: list[Creation] = []
        taken = self._taken_together(db, creations)
        outcomes = [self._created(db, creation, new, taken) for creation in creations]
        self._write(db, new)
        return outcomes

    def _taken_together(self, db: sa.Connection, creations: Sequence[Creation]) -> Collection[str]:
        """Take request_ids for the first time, in one statement. Return the ids of the exports that have theirs.

        Of those that come several times, the first one has it; of those of a tenant with quotas, one that has room.
        They are taken one after the other, as are those that were taken before.
        """
        counts = Counter(_key_of(each) for each in creations)
        once = [each for each in creations if not each.quotas.of_creates and counts[_key_of(each)] == 1]
        rows = [_taking_of(each.export, each.mark) for each in sorted(once, key=_key_of) if each.mark]
        if len(rows) <= 1:
            return ()
        ids = {row["export_id"] for row in rows}
        if self._keep_request_id.count_each(db, rows) == len(ids):
            return ids
        return {*db.execute(_identified, {"ids": [*ids]}).scalars()}

    def _created(
        self, db: sa.Connection, creation: Creation, new: list[Creation], taken: Collection[str]
    ) -> Export | Exception:
        """Add the export to those to be written, or return what its request_id identifies."""
        mark = creation.mark
        try:
            is_new = creation.export.id in taken or (
                self._counted(db, creation, new) if creation.quotas.of_creates else self._is_new(db, creation)
            )
        except QuotaExceeded as refusal:
            return refusal
        if is_new or mark is None:
            new.append(creation)
            return creation.export
        self._write(db, new)  # the request_id may identify one of them
        new.clear()
        try:
            return _the_same(_taken_by(db, creation.export.tenant, mark).one(), mark)
        except ExportdError as refusal:
            return refusal

    def _is_new(self, db: sa.Connection, creation: Creation) -> bool:
        return creation.mark is None or self._takes(db, creation.export, creation.mark)

    def _counted(self, db: sa.Connection, creation: Creation, new: Sequence[Creation]) -> bool:
        """As `_is_new`, for a tenant with quotas. Raises QuotaExceeded, and then the request_id is free."""
        with db.begin_nested():
            is_new = self._is_new(db, creation)
            if is_new:
                pending = sum(each.export.tenant == creation.export.tenant for each in new)
                self._usage.created(db, creation.export, creation.quotas, pending)
            return is_new

    def _write(self, db: sa.Connection, new: Sequence[Creation]) -> None:
        rows = [new_row(each.export, each.spec, each.sealed_password) for each in new]
        _insert.run_each(db, rows)
        if new:
            self._history.created(db, [each.export for each in new])
            audit.append(db, [_creating(each) for each in new])

    def _takes(self, db: sa.Connection, export: Export, mark: RequestMark) -> bool:
        """Whether the request_id now identifies this export. False if it identifies another one."""
        lapsed = export.create_time - REQUEST_ID_LASTS
        return self._take_request_id.first(db, {**_taking_of(export, mark), "lapsed": lapsed}) is not None

    def made_by(self, db: sa.Connection, tenant: str, mark: RequestMark, now: datetime) -> Export | None:
        row = _taken_by(db, tenant, mark).first()
        if row is None or row["request_time"] <= now - REQUEST_ID_LASTS:
            return None
        return _the_same(row, mark)

    def cancel(
        self,
        db: sa.Connection,
        tenant: str,
        export_id: str,
        now: datetime,
        *,
        only_if_queued: bool,
        by: Origin = NOBODY,
    ) -> tuple[Export, str]:
        change = changes.CANCEL_QUEUED if only_if_queued else changes.CANCEL
        row = db.execute(change, {"of_tenant": tenant, "of_id": export_id, "now": now}).mappings().first()
        if row is not None:
            (export,) = self._history.happened(db, Event.CANCEL, [row], Actor.CALLER)
            audit.append(db, [of_export(Action.EXPORT_CANCELLED, export, by, now)])
            return export, row["ended_lease_id"] or ""
        return _cancelled_before(self.get(db, tenant, export_id), export_id), ""

    def retry(
        self,
        db: sa.Connection,
        tenant: str,
        export_id: str,
        budget: int,
        *,
        sealed_password: bytes | None,
        now: datetime,
        by: Origin = NOBODY,
    ) -> Export:
        of = {"of_tenant": tenant, "of_id": export_id, "now": now, "budget": budget}
        of |= {"new_password": sealed_password, "with_password": sealed_password is not None}
        row = db.execute(changes.RETRY, of).mappings().first()
        if row is not None:
            (export,) = self._history.happened(db, Event.RETRY, [row], Actor.OPERATOR)
            audit.append(db, [of_export(Action.EXPORT_RETRIED, export, by, now, attempts=str(budget))])
            return export
        there = self.get(db, tenant, export_id)
        if there is None:
            raise ExportNotFound(export_id)
        if there.encrypted and sealed_password is None and _may_go_round_again(there):
            raise PasswordRequired(export_id)
        because = BECAUSE_CANCELLED if there.cancel_reason is CancelReason.REQUESTED else ""
        raise IllegalTransition(export_id, there.state.value, "retry", because)

    def delete(
        self, db: sa.Connection, tenant: str, export_id: str, now: datetime, *, by: Origin = NOBODY
    ) -> Export | None:
        row = db.execute(changes.DELETE, {"of_tenant": tenant, "of_id": export_id, "now": now}).mappings().first()
        if row is not None:
            deleted = to_export(row)
            audit.append(db, [of_export(Action.EXPORT_DELETED, deleted, by, now)])
            return deleted
        there = _row(db, tenant, export_id)
        if there is None:
            raise ExportNotFound(export_id)
        if there["deleted_time"] is not None:
            return None
        raise IllegalTransition(export_id, there["state"].value, "delete")

    def get(self, db: sa.Connection, tenant: str, export_id: str) -> Export | None:
        row = _row(db, tenant, export_id)
        return None if row is None or row["deleted_time"] is not None else to_export(row)

    def get_by_file(self, db: sa.Connection, tenant: str, file_id: str) -> Export | None:
        row = db.execute(_by_file, {"of_tenant": tenant, "of_file": file_id}).mappings().first()
        return None if row is None else to_export(row)

    def page(self, db: sa.Connection, tenant: str, filter_: ExportFilter, before_id: str, limit: int) -> ExportPage:
        return self._listing.page(db, tenant, filter_, before_id, limit)

    def versions(self, db: sa.Connection, export_ids: Sequence[str]) -> dict[str, int]:
        return {row.id: row.version for row in db.execute(_versions, {"ids": export_ids})}

    def known_position(self, export: Export) -> int | None:
        """Return the position without asking the database; None if it must be asked."""
        return self._places.known(export) if export.state is State.QUEUED else 0

    def queue_positions(self, db: sa.Connection, exports: Sequence[Export]) -> list[int]:
        """Return the positions of exports. A ListVerb."""
        return self._places.of_each(db, exports)

    def first_queued(self, db: sa.Connection, tenant: str) -> list[str]:
        return [*db.execute(_first_queued, {"of_tenant": tenant}).scalars()]


def _creating(creation: Creation) -> AuditEntry:
    return of_export(Action.EXPORT_CREATED, creation.export, creation.by, creation.export.create_time)


def _key_of(creation: Creation) -> tuple[str, str]:
    return creation.export.tenant, creation.mark.request_id if creation.mark else ""


def _taking_of(export: Export, mark: RequestMark) -> Mapping[str, Any]:
    """Return the row with which a request_id identifies an export."""
    return {
        "tenant": export.tenant,
        "request_id": mark.request_id,
        "digest": mark.digest,
        "export_id": export.id,
        "create_time": export.create_time,
    }


@cache
def _taking(sql: Statements) -> Prepared:
    return Prepared(sql.take_request_id, sets=requests.c.keys())


@cache
def _keeping(sql: Statements) -> Inserts:
    return Inserts(sql.dialect.insert_or_keep(requests).inline(), requests.c.keys())


def _taken_by(db: sa.Connection, tenant: str, mark: RequestMark) -> sa.MappingResult:
    """Return the export that the request_id identifies, lapsed or not."""
    return db.execute(_first_with_request_id, {"of_tenant": tenant, "of_request": mark.request_id}).mappings()


def _the_same(row: Row, mark: RequestMark) -> Export:
    """Return the export of a request_id if the request is the same. Raises RequestIdReused, ExportDeleted."""
    if not mark.fits(row["request_digest"]):
        raise RequestIdReused(mark.request_id)
    if row["deleted_time"] is not None:
        raise ExportDeleted(row["id"])
    return to_export(row)


def _cancelled_before(export: Export | None, export_id: str) -> Export:
    """Return an export that was already cancelled. Otherwise raise the reason why it could not be cancelled."""
    if export is None:
        raise ExportNotFound(export_id)
    if export.state is target(Event.CANCEL):
        return export
    if export.state in sources(Event.CANCEL):
        raise NotQueued(export_id, export.state.value)
    raise IllegalTransition(export_id, export.state.value, "cancel")


def _may_go_round_again(export: Export) -> bool:
    return export.state in sources(Event.RETRY) and export.cancel_reason is not CancelReason.REQUESTED


def _row(db: sa.Connection, tenant: str, export_id: str) -> Row | None:
    """Return the row of an export, also of a tombstone."""
    return _by_id.first(db, {"of_tenant": tenant, "of_id": export_id})
