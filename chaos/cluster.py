"""Apis, workers, their stores, their connections, and the receivers: everything that can break."""

import asyncio
from contextlib import AsyncExitStack, closing
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from chaos import source_data
from chaos.drafts import Drafts
from chaos.ledger import Ledger
from chaos.mail_server import SENDER, MailServer
from chaos.proxy import Proxy
from chaos.receiver import Receiver
from chaos.shared_stores import SharedStores
from chaos.stores import LocalStores, Stores
from chaos.supervisor import Supervisor
from demo.ports import free_port
from demo.processes import ServiceProcess

TTL_S = 2.0
SETTINGS = {
    "EXPORTD_LEASE_TTL_S": str(TTL_S),
    "EXPORTD_CONFIRM_WINDOW_S": "1",
    "EXPORTD_RETRY_BASE_S": "0.2",
    "EXPORTD_RETRY_CAP_S": "2",
    "EXPORTD_RUN_TIMEOUT_S": "60",
    "EXPORTD_NO_PROGRESS_TIMEOUT_S": "8",
    "EXPORTD_ORPHAN_TIMEOUT_S": "20",
    "EXPORTD_DRAIN_GRACE_S": "1",
    "EXPORTD_SLOTS": "2",
    "EXPORTD_SWEEP_INTERVAL_S": "1",
    "EXPORTD_SWEEP_GRACE_S": "2",
    "EXPORTD_CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
    "EXPORTD_CALLBACK_ALLOW_HTTP": "yes",
    "EXPORTD_CALLBACK_TIMEOUT_S": "5",
    "EXPORTD_SMTP_HOST": "127.0.0.1",
    "EXPORTD_SMTP_TLS": "none",
    "EXPORTD_SMTP_FROM": SENDER,
    "EXPORTD_SMTP_TIMEOUT_S": "5",
    "EXPORTD_SMTP_ACCEPT_TIMEOUT_S": "30",  # a mail is held longer than this after its api was killed
    "EXPORTD_API_METRICS": "off",
    "EXPORTD_WORKER_METRICS": "off",
}
"""So short that what takes minutes in production takes seconds here."""


class Cluster:
    """All processes. They run while the context lasts, below `folder`, which must not exist yet.

    The `ledger` records what callers and receivers are told.
    """

    def __init__(self, folder: Path, *, huge: bool = False, shared: bool = False) -> None:
        """`huge`: the collection Huge exists, too. `shared`: several apis use PostgreSQL and an object store."""
        self.folder = folder
        self.workload = folder / "workload"
        self.logs = folder / "logs"
        self._huge = huge
        self._settings = dict(SETTINGS)
        self._stack: AsyncExitStack
        self.stores: Stores = SharedStores(folder, self.logs) if shared else self._local_stores()
        layout = self.stores.layout
        self._ports = [(free_port(), free_port()) for _ in range(layout.apis)]
        self._to_apis: list[Proxy] = []
        self._to_queues: list[Proxy] = []
        self.ledger = Ledger()
        self.receiver = Receiver(self.ledger)
        self.mail_server = MailServer(self.ledger)
        self.drafts: Drafts
        self.apis = [Supervisor(f"api-{n}", partial(self._spawn_api, n), self._excused) for n in range(layout.apis)]
        self.workers = [
            Supervisor(f"worker-{n}", partial(self._spawn_worker, n), self._excused) for n in range(layout.workers)
        ]

    async def __aenter__(self) -> Self:
        """Start everything. Raises DidNotStart."""
        self.logs.mkdir(parents=True)
        await asyncio.to_thread(source_data.build, self.workload, huge=self._huge)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.stores)
            self.drafts = stack.enter_context(closing(Drafts(self.workload / source_data.DRAFTS_DATABASE)))
            await stack.enter_async_context(self.receiver)
            await stack.enter_async_context(self.mail_server)
            for port, _ in self._ports:
                self._to_apis.append(await stack.enter_async_context(Proxy(port)))
            for number in range(len(self.workers)):
                _, queue_port = self._ports[number % len(self._ports)]
                self._to_queues.append(await stack.enter_async_context(Proxy(queue_port)))
            for supervisors in (self.apis, self.workers):
                for supervisor in supervisors:
                    stack.push_async_callback(supervisor.close)
                await asyncio.gather(*(supervisor.start() for supervisor in supervisors))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heal_proxies()
        await self._stack.aclose()

    @property
    def proxies(self) -> list[Proxy]:
        """One from callers to each api, then one from each worker, then those of the stores."""
        return [*self._to_apis, *self._to_queues, *self.stores.proxies]

    @property
    def proxied_target(self) -> str:
        """The addresses of the apis for callers, through the proxies whose connections break."""
        return ",".join(f"127.0.0.1:{proxy.port}" for proxy in self._to_apis)

    @property
    def direct_target(self) -> str:
        """The addresses of the apis themselves."""
        return ",".join(f"127.0.0.1:{port}" for port, _ in self._ports)

    @property
    def queue_address(self) -> str:
        """The address of the first api itself for workers."""
        return f"127.0.0.1:{self._ports[0][1]}"

    @property
    def supervisors(self) -> list[Supervisor]:
        """The supervisors of all processes, those of the stores first."""
        return [*self.stores.servers, *self.apis, *self.workers]

    def heal_proxies(self) -> None:
        """Make all proxies carry everything."""
        for proxy in self.proxies:
            proxy.heal()

    async def heal(self) -> None:
        """Repair everything that is broken, and return when all processes serve. Raises TimeoutError."""
        self.heal_proxies()
        for disk in self.stores.disks:
            await asyncio.to_thread(disk.free)
        for supervisor in self.supervisors:
            supervisor.go_on()
        for supervisor in self.supervisors:
            await supervisor.serving()

    async def start_apis_again(self, **more: str) -> None:
        """Stop each api and start it with further settings. Returns when all serve."""
        self._settings |= more
        for api in self.apis:
            api.terminate(0)
            await api.serving()

    async def close_services(self) -> None:
        """End all processes of exportd, workers first. The stores stay as they left them."""
        for supervisor in (*self.workers, *self.apis):
            await supervisor.close()

    def _local_stores(self) -> LocalStores:
        return LocalStores(self.folder, lambda: _all_of(self.apis), lambda: _all_of(self.workers))

    def _excused(self, since: float) -> bool:
        return self.stores.broken_since(since)

    def _spawn_api(self, number: int) -> ServiceProcess:
        port, queue_port = self._ports[number]
        settings = {
            **self._settings,
            **self.stores.settings_of_api(number),
            "EXPORTD_CATALOG": str(self.workload / "catalog.toml"),
            "EXPORTD_LISTEN": f"127.0.0.1:{port}",
            "EXPORTD_QUEUE_LISTEN": f"127.0.0.1:{queue_port}",
            "EXPORTD_CALLBACK_PORTS": str(self.receiver.port),
            "EXPORTD_SMTP_PORT": str(self.mail_server.port),
        }
        return ServiceProcess("exportd-api", settings, self.logs / f"api-{number}.log", "serving")

    def _spawn_worker(self, number: int) -> ServiceProcess:
        """Start a worker. The last one lacks a source, so that exports which need it must wait for another worker."""
        file = source_data.FEWER_SOURCES if number == len(self.workers) - 1 else source_data.SOURCES
        settings = {
            **self._settings,
            **self.stores.settings_of_worker(),
            "EXPORTD_SOURCES": str(self.workload / file),
            "EXPORTD_QUEUE_ADDRESS": f"127.0.0.1:{self._to_queues[number].port}",
        }
        return ServiceProcess("exportd-worker", settings, self.logs / f"worker-{number}.log", "worker_ready")


def _all_of(supervisors: list[Supervisor]) -> list[psutil.Process]:
    return list(chain.from_iterable(supervisor.processes() for supervisor in supervisors))
