"""An api, workers, their connections, the receivers, and the disks: everything that can break."""

import asyncio
import random
import socket
from contextlib import AsyncExitStack, closing
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from chaos import source_data
from chaos.disk import Disk, SizeLimit, Tmpfs, may_mount
from chaos.drafts import Drafts
from chaos.ledger import Ledger
from chaos.mail_server import SENDER, MailServer
from chaos.plan import WORKERS
from chaos.proxy import Proxy
from chaos.receiver import Receiver
from chaos.supervisor import Supervisor
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

    `proxies[0]` leads callers to the api; each other proxy leads one worker to it. `port` and `queue_port` are the
    api's own ports. The `ledger` records what callers and receivers are told.
    """

    def __init__(self, folder: Path, *, huge: bool = False) -> None:
        """With `huge` the collection Huge exists, too."""
        self.folder = folder
        self.data = folder / "data"
        self.workload = folder / "workload"
        self.logs = folder / "logs"
        self._huge = huge
        self._settings = dict(SETTINGS)
        self._stack: AsyncExitStack
        self.port, self.queue_port = _free_port(), _free_port()
        self.proxies: list[Proxy] = []
        self.ledger = Ledger()
        self.receiver = Receiver(self.ledger)
        self.mail_server = MailServer(self.ledger)
        self.drafts: Drafts
        self.files: Disk
        self.database: Disk
        self.api = Supervisor("api", self._spawn_api, self._no_room_since)
        self.workers = [
            Supervisor(f"worker-{n}", partial(self._spawn_worker, n), self._no_room_since) for n in range(WORKERS)
        ]

    async def __aenter__(self) -> Self:
        """Start everything. Raises DidNotStart."""
        self.logs.mkdir(parents=True)
        await asyncio.to_thread(source_data.build, self.workload, huge=self._huge)
        async with AsyncExitStack() as stack:
            self.files, self.database = (stack.enter_context(disk) for disk in self._disks())
            self.drafts = stack.enter_context(closing(Drafts(self.workload / source_data.DRAFTS_DATABASE)))
            await stack.enter_async_context(self.receiver)
            await stack.enter_async_context(self.mail_server)
            for port in (self.port, *[self.queue_port] * WORKERS):
                self.proxies.append(await stack.enter_async_context(Proxy(port)))
            for supervisor in self.supervisors:
                stack.push_async_callback(supervisor.close)
                await supervisor.start()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heal_proxies()
        await self._stack.aclose()

    @property
    def proxied_target(self) -> str:
        """The address of the api for callers, through the proxy whose connections break."""
        return f"127.0.0.1:{self.proxies[0].port}"

    @property
    def direct_target(self) -> str:
        """The address of the api itself."""
        return f"127.0.0.1:{self.port}"

    @property
    def queue_address(self) -> str:
        """The address of the api itself for workers."""
        return f"127.0.0.1:{self.queue_port}"

    @property
    def database_file(self) -> Path:
        """The database file of the api."""
        return self.data / "exportd.sqlite3"

    @property
    def artifacts(self) -> Path:
        """The root of the artifact store."""
        return self.files.path

    @property
    def supervisors(self) -> list[Supervisor]:
        """The supervisors of all processes."""
        return [self.api, *self.workers]

    def heal_proxies(self) -> None:
        """Make all proxies carry everything."""
        for proxy in self.proxies:
            proxy.heal()

    async def heal(self) -> None:
        """Repair everything that is broken, and return when all processes serve. Raises TimeoutError."""
        self.heal_proxies()
        for disk in (self.files, self.database):
            await asyncio.to_thread(disk.free)
        for supervisor in self.supervisors:
            supervisor.go_on()
        for supervisor in self.supervisors:
            await supervisor.serving()

    async def start_api_again(self, **more: str) -> None:
        """Stop the api and start it with further settings. Returns when it serves."""
        self._settings |= more
        self.api.terminate(0)
        await self.api.serving()

    async def close_services(self) -> None:
        """End all processes, workers first. The folder stays as they left it."""
        for supervisor in (*self.workers, self.api):
            await supervisor.close()

    def _disks(self) -> tuple[Disk, Disk]:
        if may_mount(self.folder):
            return Tmpfs(self.folder / "files"), Tmpfs(self.data)
        workers = partial(_all_of, self.workers)
        return SizeLimit(self.folder / "files", workers), SizeLimit(self.data, self.api.processes)

    def _no_room_since(self, since: float) -> bool:
        """Whether a disk has been full since a time. No process can start without room for its lock."""
        return max(self.files.full_until, self.database.full_until) >= since

    def _spawn_api(self) -> ServiceProcess:
        settings = self._common() | {
            "EXPORTD_CATALOG": str(self.workload / "catalog.toml"),
            "EXPORTD_LISTEN": self.direct_target,
            "EXPORTD_QUEUE_LISTEN": self.queue_address,
            "EXPORTD_CALLBACK_PORTS": str(self.receiver.port),
            "EXPORTD_SMTP_PORT": str(self.mail_server.port),
        }
        return ServiceProcess("exportd-api", settings, self.logs / "api.log", "serving")

    def _spawn_worker(self, number: int) -> ServiceProcess:
        """Start a worker. The last one lacks a source, so that exports which need it must wait for another worker."""
        file = source_data.FEWER_SOURCES if number == WORKERS - 1 else source_data.SOURCES
        settings = self._common() | {
            "EXPORTD_SOURCES": str(self.workload / file),
            "EXPORTD_QUEUE_ADDRESS": f"127.0.0.1:{self.proxies[number + 1].port}",
        }
        return ServiceProcess("exportd-worker", settings, self.logs / f"worker-{number}.log", "worker_ready")

    def _common(self) -> dict[str, str]:
        return {**self._settings, "EXPORTD_DATA_DIR": str(self.data), "EXPORTD_ARTIFACTS": str(self.artifacts)}


def _all_of(supervisors: list[Supervisor]) -> list[psutil.Process]:
    return list(chain.from_iterable(supervisor.processes() for supervisor in supervisors))


def _free_port() -> int:
    """Return a free port below those of outgoing connections, so that it is still free after each restart."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
