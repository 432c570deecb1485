"""Exports in a SQLite file."""

from collections.abc import Sequence
from datetime import datetime

from services.api.domain.export import Export, StoredFile
from services.api.domain.fairness import Fairness
from services.api.domain.history import Transition
from services.api.domain.leases import Claimed, LeasePolicy, Standing
from services.api.domain.retry import GiveUp, RetryAfter
from services.api.ports.exports import ExportFilter, RequestMark
from services.api.ports.figures import Depth, TenantQueue
from services.api.storage.sql import caller_verbs, history, turns, worker_verbs
from services.api.storage.sqlite.database import SqliteDatabase
from services.contract.job import LeaseRef
from services.contract.outcome import Failure, RunStats
from services.contract.spec import JobSpec


class SqliteExportStore:
    """An ExportStore, a LeaseStore and QueueFigures in a SQLite file."""

    def __init__(self, database: SqliteDatabase, policy: LeasePolicy, fairness: Fairness | None = None) -> None:
        self._db = database
        self._policy = policy
        self._fairness = fairness or Fairness()

    # ---- callers

    async def create(
        self, export: Export, spec: JobSpec, mark: RequestMark | None, sealed_password: bytes | None = None
    ) -> Export:
        return await self._db.write(lambda db: caller_verbs.create(db, export, spec, mark, sealed_password))

    async def get(self, tenant: str, export_id: str) -> Export | None:
        return await self._db.read(lambda db: caller_verbs.get(db, tenant, export_id))

    async def get_by_file(self, tenant: str, file_id: str) -> Export | None:
        return await self._db.read(lambda db: caller_verbs.get_by_file(db, tenant, file_id))

    async def page(self, tenant: str, wanted: ExportFilter, before_id: str, limit: int) -> list[Export]:
        return await self._db.read_list(lambda db: caller_verbs.page(db, tenant, wanted, before_id, limit))

    async def queue_position(self, export: Export) -> int:
        return await self._db.read(lambda db: caller_verbs.queue_position(db, export))

    async def first_queued(self, tenant: str) -> list[str]:
        return await self._db.read(lambda db: caller_verbs.first_queued(db, tenant))

    async def cancel(self, tenant: str, export_id: str, now: datetime, *, only_if_queued: bool) -> tuple[Export, str]:
        return await self._db.write(
            lambda db: caller_verbs.cancel(db, tenant, export_id, now, only_if_queued=only_if_queued)
        )

    async def delete(self, tenant: str, export_id: str, now: datetime) -> Export | None:
        return await self._db.write(lambda db: caller_verbs.delete(db, tenant, export_id, now))

    async def retry(
        self, tenant: str, export_id: str, budget: int, sealed_password: bytes | None, now: datetime
    ) -> Export:
        return await self._db.write(
            lambda db: caller_verbs.retry(db, tenant, export_id, budget, sealed_password=sealed_password, now=now)
        )

    async def transitions(self, tenant: str, export_id: str) -> list[Transition]:
        return await self._db.read(lambda db: history.of_export(db, tenant, export_id))

    async def running(self) -> dict[str, int]:
        return await self._db.read(turns.running)

    async def queue(self) -> list[TenantQueue]:
        return await self._db.read_list(turns.queue)

    async def depth(self, now: datetime) -> Depth:
        return await self._db.read_for_workers(lambda db: caller_verbs.depth(db, now))

    # ---- workers

    async def claim(self, worker_id: str, poll_id: str, limit: int, now: datetime) -> list[Claimed]:
        return await self._db.write(
            lambda db: worker_verbs.claim(db, self._policy, self._fairness, worker_id, poll_id, limit=limit, now=now)
        )

    async def next_due(self, now: datetime) -> datetime | None:
        return await self._db.read_for_workers(lambda db: worker_verbs.next_due(db, now))

    async def standings(self, leases: Sequence[LeaseRef]) -> list[Standing]:
        return await self._db.read_for_workers(lambda db: worker_verbs.standings(db, leases))

    async def renew(self, worker_id: str, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        return await self._db.write(lambda db: worker_verbs.renew(db, self._policy, worker_id, leases, now))

    async def unconfirmed(self, worker_id: str, leased_before: datetime) -> list[Claimed]:
        return await self._db.read_for_workers(lambda db: worker_verbs.unconfirmed(db, worker_id, leased_before))

    async def complete(
        self,
        lease: LeaseRef,
        file: StoredFile,
        stats: RunStats,
        now: datetime,
        *,
        attachments: StoredFile | None = None,
    ) -> Export | None:
        return await self._db.write(
            lambda db: worker_verbs.complete(db, lease, file, stats, now, attachments=attachments)
        )

    async def fail(self, lease: LeaseRef, failure: Failure, fate: RetryAfter | GiveUp, now: datetime) -> Export | None:
        return await self._db.write(lambda db: worker_verbs.fail(db, lease, failure, fate, now))

    async def release(self, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        return await self._db.write(lambda db: worker_verbs.release(db, leases, now))

    async def expire(self, now: datetime) -> list[Export]:
        return await self._db.write(lambda db: worker_verbs.expire(db, self._policy, now))
