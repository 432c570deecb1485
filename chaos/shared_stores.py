"""Where a cluster on several machines keeps state and files: PostgreSQL and an object store, which are killed too."""

import asyncio
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import obstore
import psycopg

from chaos.disk import Disk
from chaos.plan import SHARED
from chaos.proxy import Proxy
from chaos.supervisor import Supervisor
from demo.ports import free_ports
from demo.postgres import PostgresServer
from demo.processes import DidNotStart
from demo.seaweed import PORTS, ObjectStore, SeaweedServer
from services.contract.store import MARKER
from services.objects.client import opened
from services.objects.settings import BucketStore
from services.objects.uploads import open_uploads

BUCKET = "chaos"
URL = f"s3://{BUCKET}/artifacts"
_KEY_BYTES = 32
_END = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND pid %% %s = 0
"""


class PostgresRows:
    """The rows of a PostgreSQL database. A context."""

    def __init__(self, url: str, pg_dump: Path) -> None:
        self._url = url
        self._pg_dump = pg_dump
        self._db = psycopg.connect(url, autocommit=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def execute(self, query: str) -> Iterable[tuple[Any, ...]]:
        """See Rows."""
        return self._db.execute(query.encode())

    def damage(self) -> str:
        """See Rows."""
        command: list[str | Path] = [
            self._pg_dump,
            "--file=/dev/null",
            self._url,
        ]  # reads every page, with its checksum
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr if done.returncode else ""


class SharedStores:
    """PostgreSQL and an object store as processes on loopback, which keep their data when they are killed."""

    layout = SHARED
    full_disk = "none"
    disks: Sequence[Disk] = ()

    def __init__(self, folder: Path, logs: Path) -> None:
        self.scratch = folder / "misbehaving"
        self._data = folder / "data"
        self._logs = logs
        self._stack = AsyncExitStack()
        self._sessions_ended = 0.0
        self._watching: psycopg.Connection[Any] | None = None
        self._postgres: PostgresServer
        self.servers: tuple[Supervisor, ...] = ()
        self.proxies: tuple[Proxy, ...] = ()
        self.artifacts: BucketStore

    async def __aenter__(self) -> Self:
        """Raises DidNotStart."""
        async with AsyncExitStack() as stack:
            home = stack.enter_context(_home())
            port, *ports = free_ports(1 + PORTS)
            self._postgres = await asyncio.to_thread(PostgresServer, home, port, self._logs / "postgres.log")
            objects = SeaweedServer(home / "weed", BUCKET, ports, self._logs / "objects.log")
            begins = {"postgres": self._postgres.begin, "objects": objects.begin}
            self.servers = tuple(Supervisor(name, begin, lambda _: False) for name, begin in begins.items())
            for server in self.servers:
                stack.push_async_callback(server.close)
                await server.start()
            await asyncio.to_thread(self._prepare)
            targets = [*[port] * self.layout.apis, objects.port]
            self.proxies = tuple([await stack.enter_async_context(Proxy(target)) for target in targets])
            self.artifacts = _bucket(objects.store())
            self._through_proxy = _bucket(objects.store(self.proxies[-1].port))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watching:
            self._watching.close()
        await self._stack.aclose()

    def settings_of_api(self, number: int) -> dict[str, str]:
        """See Stores."""
        return {
            **self.settings_of_worker(),
            "EXPORTD_DATABASE": self._postgres.url(self.proxies[number].port),
            "EXPORTD_SECRET_KEY_FILE": str(self._data / "key"),
        }

    def settings_of_worker(self) -> dict[str, str]:
        """See Stores."""
        return {
            "EXPORTD_DATA_DIR": str(self._data),
            "EXPORTD_ARTIFACTS": URL,
            **dict(self._through_proxy.options),
        }

    def broken_since(self, since: float) -> bool:
        """See Stores: an api needs the database to start."""
        ends = [server.down_until for server in self.servers] + [proxy.disturbed_until for proxy in self.proxies]
        return max(*ends, self._sessions_ended) >= since

    def is_building(self) -> bool:
        """See Stores."""
        try:
            if self._watching is None or self._watching.closed:
                self._watching = psycopg.connect(self._postgres.url(), autocommit=True, connect_timeout=1)
            running = self._watching.execute("SELECT 1 FROM exports WHERE state = 'PROCESSING' LIMIT 1")
            return running.fetchone() is not None
        except psycopg.Error:
            self._watching = None
            return False

    def end_sessions(self, draw: int) -> bool:
        """See Stores. `draw` decides whether all are ended or only some."""
        self._sessions_ended = math.inf
        try:
            with suppress(psycopg.Error), psycopg.connect(self._postgres.url(), connect_timeout=1) as database:
                ended = database.execute(_END, [draw % 3 + 1]).fetchone()
                return bool(ended and ended[0])
        finally:
            self._sessions_ended = time.monotonic()
        return False

    def rows(self) -> PostgresRows:
        """See Stores."""
        return PostgresRows(self._postgres.url(), self._postgres.program("pg_dump"))

    def keys(self) -> list[str]:
        """See Stores."""
        listed = [each["path"] for some in obstore.list(opened(self.artifacts), return_arrow=False) for each in some]
        uploads = [upload.key for upload in open_uploads(self.artifacts, "")]
        return [key for key in (*listed, *uploads) if key != MARKER]

    def places(self) -> list[Path]:
        """See Stores."""
        return [path for path in self._postgres.data.rglob("*") if path.is_file()]

    def _prepare(self) -> None:
        """Make the server key and the tables. Raises DidNotStart."""
        self._data.mkdir()
        (self._data / "key").write_bytes(b"k" * _KEY_BYTES)
        settings = {"EXPORTD_DATABASE": self._postgres.url()}
        command: list[str | Path] = [Path(sys.executable).with_name("exportd-api"), "migrate"]
        done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DidNotStart(done.stdout + done.stderr)


@contextmanager
def _home() -> Iterator[Path]:
    """Make a folder for the servers: with a short path for sockets, and open to the user that PostgreSQL runs as."""
    with tempfile.TemporaryDirectory(prefix="exportd-stores-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        (home / "weed").mkdir()
        yield home


def _bucket(store: ObjectStore) -> BucketStore:
    return BucketStore(URL, tuple(store.settings.items()))
