"""The ports of the store over any SQL database. Each method runs in a transaction of its own."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from services.api.domain.audit import NOBODY, AuditEntry, Origin
from services.api.domain.export import Export, StoredFile
from services.api.domain.fairness import Fairness, Shares
from services.api.domain.history import Transition
from services.api.domain.keys import Holder, Key
from services.api.domain.leases import UNLIMITED, Ability, Claimed, LeasePolicy, Standing
from services.api.domain.links import DownloadLink
from services.api.domain.notifications import Channel, Delivery, DeliveryState, Held, Position
from services.api.domain.quotas import UNLIMITED_QUOTAS, Quota, Quotas
from services.api.domain.retry import Fate
from services.api.ports.audit import AuditFilter, AuditPage, AuditPlace
from services.api.ports.exports import ExportFilter, ExportPage, IdMatch, IdRange, Placed, RequestMark
from services.api.ports.figures import Depth, RunningExport, TenantQueue
from services.api.ports.retention import Kept
from services.api.ports.store import Store
from services.api.storage.sql import history
from services.api.storage.sql.database import Database
from services.api.storage.sql.statements import statements_of
from services.api.storage.sql.turns import Asked
from services.api.storage.sql.verbs import audit, figures, ids, keys, links
from services.api.storage.sql.verbs.audit import AuditVerbs
from services.api.storage.sql.verbs.exports import Creation, ExportVerbs
from services.api.storage.sql.verbs.lease_reports import Completion, Failed, Release, Renewal
from services.api.storage.sql.verbs.leases import LeaseVerbs
from services.api.storage.sql.verbs.outbox import OutboxVerbs, Settled, outbox_verbs
from services.api.storage.sql.verbs.reading import Wanted
from services.api.storage.sql.verbs.retention import RetentionVerbs
from services.api.storage.sql.verbs.usage import UsageVerbs
from services.contract.job import LeaseRef
from services.contract.outcome import Failure, RunStats
from services.contract.spec import JobSpec


def sql_store(
    database: Database,
    policy: LeasePolicy | None = None,
    fairness: Shares | None = None,
    monotonic: Callable[[], float] | None = None,
) -> Store:
    """Return all ports over one database. `monotonic`: see Places."""
    sql = statements_of(database.dialect)
    return Store(
        exports=SqlExportStore(database, ExportVerbs(sql, monotonic=monotonic)),
        leases=SqlLeaseStore(database, LeaseVerbs(sql, policy or LeasePolicy(), fairness or Fairness())),
        figures=SqlQueueFigures(database),
        outbox=SqlOutbox(database, outbox_verbs(sql)),
        retention=SqlRetentionStore(database, RetentionVerbs(sql)),
        keys=SqlKeyStore(database),
        usage=SqlUsageStore(database, UsageVerbs(sql)),
        links=SqlLinkStore(database, UsageVerbs(sql)),
        audit=SqlAuditStore(database, AuditVerbs(sql)),
    )


class SqlExportStore:
    """An ExportStore in a SQL database."""

    def __init__(self, database: Database, verbs: ExportVerbs) -> None:
        self._db = database
        self._verbs = verbs

    async def create(
        self,
        export: Export,
        spec: JobSpec,
        mark: RequestMark | None,
        sealed_password: bytes | None = None,
        quotas: Quotas = UNLIMITED_QUOTAS,
        *,
        by: Origin = NOBODY,
    ) -> Export:
        creation = Creation(export, spec, mark, sealed_password, quotas, by)
        return await self._db.write_listed(self._verbs.create, creation)

    async def made_by(self, tenant: str, mark: RequestMark, now: datetime) -> Export | None:
        return await self._db.read(lambda db: self._verbs.made_by(db, tenant, mark, now))

    async def get(self, tenant: str, export_id: str) -> Export | None:
        return await self._db.read_listed(self._verbs.reading.got, Wanted(tenant, export_id))

    async def placed(self, tenant: str, export_id: str) -> Placed | None:
        return await self._db.read_listed(self._verbs.reading.placed, Wanted(tenant, export_id))

    async def get_by_file(self, tenant: str, file_id: str) -> Export | None:
        return await self._db.read(lambda db: self._verbs.get_by_file(db, tenant, file_id))

    async def ids(self, tenant: str, within: IdRange, limit: int) -> list[IdMatch]:
        return await self._db.read(lambda db: ids.of_exports(db, tenant, within, limit))

    async def page(self, tenant: str, filter_: ExportFilter, before_id: str, limit: int) -> ExportPage:
        return await self._db.read_list(tenant, lambda db: self._verbs.page(db, tenant, filter_, before_id, limit))

    async def versions(self, export_ids: Sequence[str]) -> dict[str, int]:
        return await self._db.read_for_workers(lambda db: self._verbs.versions(db, export_ids))

    async def queue_position(self, export: Export) -> int:
        known = self._verbs.known_position(export)
        return known if known is not None else await self._db.read_listed(self._verbs.queue_positions, export)

    async def first_queued(self, tenant: str) -> list[str]:
        return await self._db.read(lambda db: self._verbs.first_queued(db, tenant))

    async def cancel(
        self, tenant: str, export_id: str, now: datetime, *, only_if_queued: bool, by: Origin = NOBODY
    ) -> tuple[Export, str]:
        return await self._db.write(
            lambda db: self._verbs.cancel(db, tenant, export_id, now, only_if_queued=only_if_queued, by=by)
        )

    async def delete(self, tenant: str, export_id: str, now: datetime, *, by: Origin = NOBODY) -> Export | None:
        return await self._db.write(lambda db: self._verbs.delete(db, tenant, export_id, now, by=by))

    async def retry(
        self,
        tenant: str,
        export_id: str,
        budget: int,
        sealed_password: bytes | None,
        now: datetime,
        *,
        by: Origin = NOBODY,
    ) -> Export:
        return await self._db.write(
            lambda db: self._verbs.retry(db, tenant, export_id, budget, sealed_password=sealed_password, now=now, by=by)
        )

    async def transitions(
        self, tenant: str, export_id: str, *, after: int = 0, limit: int | None = None
    ) -> list[Transition]:
        return await self._db.read(lambda db: history.of_export(db, tenant, export_id, after, limit))


class SqlLeaseStore:
    """A LeaseStore in a SQL database."""

    def __init__(self, database: Database, verbs: LeaseVerbs) -> None:
        self._db = database
        self._verbs = verbs

    async def claim(
        self,
        worker_id: str,
        poll_id: str,
        limit: int,
        now: datetime,
        ability: Ability = UNLIMITED,
    ) -> list[Claimed]:
        edition = self._verbs.turns.edition
        claimed = await self._db.write_in_turn(self._verbs.claim, Asked(worker_id, poll_id, ability, limit, now))
        self._verbs.turns.heeded(edition)
        return claimed

    async def next_due(self, now: datetime) -> datetime | None:
        return await self._db.read_for_workers(lambda db: self._verbs.next_due(db, now))

    async def standings(self, leases: Sequence[LeaseRef]) -> list[Standing]:
        return await self._db.read_for_workers(lambda db: self._verbs.standings(db, leases)) if leases else []

    async def renew(self, worker_id: str, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        return await self._db.write_listed(self._verbs.renew, Renewal(worker_id, tuple(leases), now))

    async def unconfirmed(self, worker_id: str, leased_before: datetime) -> list[Claimed]:
        return await self._db.read_for_workers(lambda db: self._verbs.unconfirmed(db, worker_id, leased_before))

    async def complete(
        self,
        lease: LeaseRef,
        file: StoredFile,
        stats: RunStats,
        now: datetime,
        *,
        attachments: StoredFile | None = None,
    ) -> Export | None:
        return await self._db.write_listed(self._verbs.complete, Completion(lease, file, stats, now, attachments))

    async def fail(self, lease: LeaseRef, failure: Failure, fate: Fate, now: datetime) -> Export | None:
        return await self._db.write_listed(self._verbs.fail, Failed(lease, failure, fate, now))

    async def release(self, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        return await self._db.write_listed(self._verbs.release, Release(tuple(leases), now))

    async def expire(self, now: datetime) -> list[Export]:
        return await self._db.write(lambda db: self._verbs.expire(db, now))


class SqlQueueFigures:
    """QueueFigures of a SQL database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def running(self) -> dict[str, int]:
        return await self._db.read(figures.running)

    async def running_exports(self, tenant: str, after_id: str, limit: int) -> list[RunningExport]:
        return await self._db.read_list(tenant, lambda db: figures.running_exports(db, tenant, after_id, limit))

    async def queue(self) -> list[TenantQueue]:
        return await self._db.read_list("", figures.queue)

    async def latest(self) -> datetime | None:
        return await self._db.read_for_workers(figures.latest)

    async def depth(self, now: datetime) -> Depth:
        return await self._db.read_for_workers(lambda db: figures.depth(db, now))


class SqlOutbox:
    """An Outbox in a SQL database."""

    def __init__(self, database: Database, verbs: OutboxVerbs) -> None:
        self._db = database
        self._verbs = verbs

    async def hold(self, limit: int, until: datetime | Mapping[Channel, datetime], now: datetime) -> list[Held]:
        return await self._db.write(lambda db: self._verbs.hold(db, limit, until, now))

    async def next_due(self) -> datetime | None:
        return await self._db.read_for_workers(self._verbs.next_due)

    async def oldest(self, now: datetime) -> timedelta:
        return await self._db.read_for_workers(lambda db: self._verbs.oldest(db, now))

    async def sent(self, held: Held, outcome: str, now: datetime) -> bool:
        return await self._end(held, DeliveryState.SENT, outcome, now)

    async def try_again(self, held: Held, outcome: str, due: datetime, now: datetime) -> bool:
        return await self._db.write_listed(self._verbs.try_again, Settled(held, outcome, now, due=due))

    async def give_up(self, held: Held, outcome: str, now: datetime) -> bool:
        return await self._end(held, DeliveryState.GIVEN_UP, outcome, now)

    async def put_back(self, held: Sequence[Held], due: datetime) -> None:
        await self._db.write(lambda db: self._verbs.put_back(db, held, due))

    async def deliveries(
        self, tenant: str, export_id: str, *, after: Position | None = None, limit: int | None = None
    ) -> list[Delivery]:
        return await self._db.read(lambda db: self._verbs.of_export(db, tenant, export_id, after, limit))

    async def ids(self, tenant: str, within: IdRange, limit: int) -> list[IdMatch]:
        return await self._db.read(lambda db: ids.of_deliveries(db, tenant, within, limit))

    async def redeliver(self, tenant: str, delivery_id: str, now: datetime, *, by: Origin = NOBODY) -> Delivery:
        return await self._db.write(lambda db: self._verbs.redeliver(db, tenant, delivery_id, now, by=by))

    async def _end(self, held: Held, state: DeliveryState, outcome: str, now: datetime) -> bool:
        return await self._db.write_listed(self._verbs.end, Settled(held, outcome, now, state))


class SqlRetentionStore:
    """A RetentionStore in a SQL database."""

    def __init__(self, database: Database, verbs: RetentionVerbs) -> None:
        self._db = database
        self._verbs = verbs

    async def belongs_to(self, store_id: str, *, is_empty: bool) -> str:
        return await self._db.write(lambda db: self._verbs.belongs_to(db, store_id, is_empty=is_empty))

    async def artifact_store(self) -> str:
        return await self._db.read(self._verbs.artifact_store)

    async def kept(self, leases: Sequence[LeaseRef], now: datetime, grace: timedelta) -> list[Kept]:
        return await self._db.read_for_workers(lambda db: self._verbs.kept(db, leases, now, grace))

    async def forget(self, now: datetime, rows_kept: timedelta, limit: int) -> int:
        return await self._db.write(lambda db: self._verbs.forget(db, now, rows_kept, limit))

    async def forget_audit(self, before: datetime, limit: int) -> int:
        return await self._db.write(lambda db: self._verbs.forget_audit(db, before, limit))

    async def erase(self) -> bool:
        return await self._db.erase()


class SqlUsageStore:
    """A UsageStore in a SQL database."""

    def __init__(self, database: Database, verbs: UsageVerbs) -> None:
        self._db = database
        self._verbs = verbs

    async def take(self, tenant: str, quota: Quota, limit: int, now: datetime) -> None:
        await self._db.write(lambda db: self._verbs.take(db, tenant, quota, limit, now))

    async def kept_bytes(self, tenant: str, now: datetime) -> int:
        return await self._db.read_list(tenant, lambda db: self._verbs.kept_bytes(db, tenant, now))

    async def usage(self, tenant: str, now: datetime) -> Mapping[Quota, int]:
        return await self._db.read_list(tenant, lambda db: self._verbs.usage(db, tenant, now))


class SqlKeyStore:
    """A KeyStore in a SQL database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def add(self, key: Key, *, by: Origin = NOBODY) -> None:
        await self._db.write(lambda db: keys.add(db, key, by=by))

    async def find(self, key_id: str) -> Key | None:
        return await self._db.read(lambda db: keys.find(db, key_id))

    async def any(self, holder: Holder) -> bool:
        return await self._db.read(lambda db: keys.any_of(db, holder))

    async def page(self, tenant: str | None, after_id: str, limit: int) -> Sequence[Key]:
        return await self._db.read(lambda db: keys.page(db, tenant, after_id, limit))

    async def replace(self, old_id: str, new: Key, ends: datetime, now: datetime, *, by: Origin = NOBODY) -> bool:
        return await self._db.write(lambda db: keys.replace(db, old_id, new, ends, now, by=by))

    async def redigest(self, key_id: str, before: bytes, after: bytes) -> None:
        await self._db.write(lambda db: keys.redigest(db, key_id, before, after))

    async def revoke(self, key_id: str, tenant: str | None, now: datetime, *, by: Origin = NOBODY) -> Key | None:
        return await self._db.write(lambda db: keys.revoke(db, key_id, tenant, now, by=by))


class SqlLinkStore:
    """A LinkStore in a SQL database."""

    def __init__(self, database: Database, usage: UsageVerbs) -> None:
        self._db = database
        self._usage = usage

    async def add(self, link: DownloadLink, most: int = 0, *, by: Origin = NOBODY) -> None:
        await self._db.write(lambda db: self._add(db, link, most, by))

    def _add(self, db: sa.Connection, link: DownloadLink, most: int, by: Origin) -> None:
        if most:
            self._usage.linked(db, link, most)
        links.check_room(db, link)
        links.add(db, link, by=by)

    async def add_for_mail(self, link: DownloadLink) -> DownloadLink:
        return await self._db.write(lambda db: links.add_for_mail(db, link))

    async def find(self, link_id: str) -> DownloadLink | None:
        return await self._db.read(lambda db: links.find(db, link_id))

    async def page(self, tenant: str, export_id: str, after_id: str, limit: int) -> Sequence[DownloadLink]:
        return await self._db.read(lambda db: links.page(db, tenant, export_id, after_id, limit))

    async def use(
        self, link_id: str, use_id: str, now: datetime, repeated_since: datetime, *, by: Origin = NOBODY
    ) -> DownloadLink | None:
        return await self._db.write(lambda db: links.use(db, link_id, use_id, now, repeated_since, by=by))

    async def redigest(self, link_id: str, before: bytes, after: bytes) -> None:
        await self._db.write(lambda db: links.redigest(db, link_id, before, after))

    async def revoke(self, link_id: str, tenant: str, now: datetime, *, by: Origin = NOBODY) -> DownloadLink | None:
        return await self._db.write(lambda db: links.revoke(db, link_id, tenant, now, by=by))


class SqlAuditStore:
    """An AuditStore in a SQL database."""

    def __init__(self, database: Database, verbs: AuditVerbs) -> None:
        self._db = database
        self._verbs = verbs

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        await self._db.write_listed(self._verbs.add, entries)

    async def page(self, filter_: AuditFilter, after: AuditPlace | None, limit: int) -> AuditPage:
        holder = "" if filter_.tenant is None else filter_.tenant
        return await self._db.read_list(holder, lambda db: audit.page(db, filter_, after, limit))
