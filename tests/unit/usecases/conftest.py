"""The use cases over the store in memory: no database, no ports, no waiting."""

import asyncio
import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.api.catalog.live import LiveCatalog
from services.api.domain.callbacks import CallbackDefaults
from services.api.domain.fairness import Fairness, Share
from services.api.domain.leases import LeasePolicy
from services.api.domain.quotas import UNLIMITED_QUOTAS, Quotas
from services.api.domain.retry import Backoff
from services.api.live.announcements import LocalAnnouncements
from services.api.live.detached_tasks import LocalDetachedTasks
from services.api.live.preview_desk import LocalPreviewDesk
from services.api.live.workers import LocalWorkers
from services.api.metrics import ApiMetrics
from services.api.requests.plan import CreateRequest, Planner
from services.api.requests.table_options import TableChoices
from services.api.secrets.passwords import Passwords
from services.api.secrets.server_keys import ServerKeys
from services.api.storage.memory.artifacts import MemoryArtifactStore
from services.api.storage.memory.store import memory_store
from services.api.usecases.downloads import Downloads
from services.api.usecases.exports import Exports, View
from services.api.usecases.jobs import Jobs
from services.api.usecases.publication import Publication
from services.api.world import World
from services.contract.errors import Violation
from services.contract.formats import Format
from services.contract.job import Job
from services.contract.outcome import Artifact, Built, Consistency, MatchedBy, RunStats
from tests.ports.samples import START

SECRET = b"k" * 32
WORKER = "worker-1"
CONTENT = b"id\r\n1\r\n2\r\n"
CATALOG = """
[sources.shop]
kind = "sql"
[collections.Orders]
path = "/orders"
source = "shop"
table = "orders"
key = "id"
formats = ["CSV", "XLSX"]
columns = [{ field = "id" }]
"""


class Anywhere:
    """Announcements may go to any place."""

    def callbacks(self, _: str) -> CallbackDefaults:
        return CallbackDefaults()

    def violations(self, *_: str) -> Iterable[Violation]:
        return ()


class Leases:
    """A LeaseStore whose claims are answered only while `gate` is open, which it is at first."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.gate = asyncio.Event()
        self.gate.set()

    async def claim(self, *args: Any, **kwargs: Any) -> Any:
        claimed = await self._store.claim(*args, **kwargs)
        await self.gate.wait()
        return claimed

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._store, verb)


class NoQuotas:
    """TenantQuotas of a server that sets none."""

    def quotas(self, _: str) -> Quotas:
        return UNLIMITED_QUOTAS


@dataclass
class UseCases:
    """Use cases that share a store, and a worker by hand. `now` is the time."""

    catalog: LiveCatalog
    fairness: Fairness = field(default_factory=lambda: Fairness(shares={"capped": Share(max_running=1)}))
    policy: LeasePolicy = field(default_factory=LeasePolicy)
    now: datetime = START

    def __post_init__(self) -> None:
        numbers = itertools.count(1)
        world = World(clock=lambda: self.now, random=lambda: 1.0, new_export_id=lambda: f"export-{next(numbers):04}")
        self.store = memory_store(self.policy, self.fairness)
        self.leases = Leases(self.store.leases)
        self.artifacts = MemoryArtifactStore()
        passwords = Passwords(ServerKeys.of(SECRET))
        announcements, workers = (
            LocalAnnouncements(),
            LocalWorkers(world.clock, self.artifacts.store_id, self.store.audit),
        )
        self.announcements, self.workers = announcements, workers
        detached = LocalDetachedTasks()
        self.exports = Exports(
            store=self.store.exports,
            figures=self.store.figures,
            outbox=self.store.outbox,
            announcements=announcements,
            workers=workers,
            catalog=self.catalog,
            planner=Planner(self.catalog, Anywhere(), ServerKeys.of(SECRET), passwords, world.new_export_id),
            preview_desk=LocalPreviewDesk(world.new_id, taken_within_s=1, answered_within_s=1),
            detached=detached,
            fairness=self.fairness,
            quotas=NoQuotas(),
            usage=self.store.usage,
            audit=self.store.audit,
            passwords=passwords,
            world=world,
            keepalive_s=1,
        )
        self.jobs = Jobs(
            leases=self.leases,
            store_id=self.artifacts.store_id,
            publication=Publication(self.artifacts, world.new_id),
            passwords=passwords,
            announcements=announcements,
            workers=workers,
            detached=detached,
            metrics=ApiMetrics(),
            policy=self.policy,
            backoff=Backoff(),
            world=world,
        )
        self.downloads = Downloads(
            self.store.exports, self.artifacts, self.store.audit, world.clock, timedelta(seconds=300)
        )

    async def create(self, tenant: str = "acme", **asked: object) -> View:
        request = CreateRequest(uri="/orders", table=TableChoices(format=Format.CSV), **asked)
        return await self.exports.create(tenant, request)

    async def lease(self, poll_id: str = "poll") -> Job:
        (job,) = await self.jobs.lease(WORKER, poll_id, 1, 0)
        return job

    def built(self, job: Job, content: bytes = CONTENT) -> Built:
        """As a worker would report the file that it put there."""
        key = self.artifacts.put(job.lease, "orders.csv", content, self.now)
        sha256 = hashlib.sha256(content).hexdigest()
        artifact = Artifact(key, len(content), sha256, "text/csv", "csv", encrypted=bool(job.password))
        return Built(artifact, RunStats(2, MatchedBy.COUNT, 2, Consistency.SNAPSHOT))

    def pass_(self, time: timedelta) -> None:
        self.now += time


@pytest.fixture
def api(tmp_path: Path) -> UseCases:
    file = tmp_path / "catalog.toml"
    file.write_text(CATALOG)
    return UseCases(LiveCatalog(file))
