"""Exports that ended in a real database, and a notifier that announces them to real receivers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.api.domain.export import Export
from services.api.domain.notifications import Channel, Delivery
from services.api.metrics import ApiMetrics
from services.api.notify.addresses import AddressRules
from services.api.notify.callback import CallbackSender
from services.api.notify.mailing import MailSender
from services.api.notify.notifier import Notifier, NotifierLimits
from services.api.notify.resolver import CheckedResolver, LookupLimits
from services.api.notify.schedule import Sender
from services.api.notify.settings import MailSettings, Tls
from services.api.notify.signing import CallbackSecrets
from services.api.notify.trust import Trust
from services.api.ports.outbox import Outbox
from services.api.secrets.server_keys import ServerKeys
from services.api.storage.sql.stores import sql_store
from services.api.storage.sqlite.database import SqliteDatabase
from services.api.world import World
from tests.integration.notify.samples import LOOPBACK
from tests.patience import PATIENCE_S
from tests.ports.samples import SPEC, START, STATS, new_export, new_file
from tests.servers.certificates import usually_trusting
from tests.servers.new_database import new_database
from tests.servers.smtp import MailServer, mail_server
from tests.servers.webhook import Receiver, webhook_receiver

HOLD = timedelta(seconds=40)
LIMITS = NotifierLimits()
SECRETS = CallbackSecrets(ServerKeys.of(b"k" * 32), lambda _: ())


@dataclass
class Clock:
    """The time as a test says; with `real` the time of the machine."""

    now: datetime = START
    real: bool = False

    def __call__(self) -> datetime:
        return datetime.now(UTC) if self.real else self.now


@dataclass
class Office:
    """Where ends are announced from."""

    database: SqliteDatabase
    clock: Clock
    senders: dict[Channel, Sender] = field(default_factory=dict)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    metrics: ApiMetrics = field(default_factory=ApiMetrics)

    def __post_init__(self) -> None:
        self.store = sql_store(self.database)

    def notifier(self, outbox: Outbox | None = None, limits: NotifierLimits = LIMITS) -> Notifier:
        world = World(clock=self.clock, random=lambda: 0.0)
        return Notifier(
            outbox or self.store.outbox, self.senders, self.metrics, world, hold=HOLD, woken=self.woken, limits=limits
        )

    async def cancelled(self, tenant: str = "acme", **targets: Any) -> Export:
        export = await self.store.exports.create(new_export(tenant=tenant, **targets), SPEC, None)
        ended, _ = await self.store.exports.cancel(tenant, export.id, self.clock(), only_if_queued=False)
        return ended

    async def completed(self, **targets: Any) -> Export:
        export = await self.store.exports.create(new_export(**targets), SPEC, None)
        (claimed,) = await self.store.leases.claim("worker-1", f"poll of {export.id}", 1, self.clock())
        await self.store.leases.renew("worker-1", [claimed.ref], self.clock())
        ended = await self.store.leases.complete(claimed.ref, new_file(export.id), STATS, self.clock())
        assert ended is not None
        return ended

    async def delivery(self, export: Export) -> Delivery:
        (delivery,) = await self.store.outbox.deliveries(export.tenant, export.id)
        return delivery

    async def reread(self, export: Export) -> Export:
        found = await self.store.exports.get("acme", export.id)
        assert found is not None
        return found


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with webhook_receiver() as running:
        yield running


@pytest.fixture
async def mails() -> AsyncIterator[MailServer]:
    async with mail_server() as running:
        yield running


@pytest.fixture
async def office(tmp_path: Path, mails: MailServer) -> AsyncIterator[Office]:
    clock = Clock()
    rules = AddressRules(networks=LOOPBACK, ports=(range(1, 65536),), http=True)
    limit, trust = timedelta(seconds=20), Trust(usually_trusting)
    mail = MailSettings("127.0.0.1", mails.port, Tls.NONE, "", "", "exports@example.org", limit)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(await new_database(tmp_path / "exportd.sqlite3"))
        resolver = CheckedResolver(rules, LookupLimits())
        callbacks = CallbackSender(rules, SECRETS, clock, timeout=limit, trust=trust, resolver=resolver)
        await stack.enter_async_context(callbacks)
        senders: dict[Channel, Sender] = {
            Channel.CALLBACK: callbacks,
            Channel.EMAIL: MailSender(mail, clock, trust=trust),
        }
        yield Office(database, clock, senders)


async def eventually(holds: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.01)  # the time between two looks
