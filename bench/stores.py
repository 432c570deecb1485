"""Where the measured services keep state and files: in SQLite and a folder, or in PostgreSQL and an object store."""

import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import obstore
import psutil
import psycopg

from bench.peer import NotMeasured
from bench.places import started
from demo.postgres import postgres
from demo.seaweed import ObjectStore, object_store
from services.objects.client import opened
from services.objects.settings import BucketStore

_BUCKET = "bench"
_KEY_BYTES = 32
_OF_TENANT = "select id from exports where state = 'QUEUED' and tenant = '{}' order by id"


class Stores(Protocol):
    """Where state and files are. `data` is the folder of a service, EXPORTD_DATA_DIR, and identifies its state."""

    def settings(self, data: Path) -> dict[str, str]:
        """Return the settings of the api and the worker. They make a new state if the folder does not exist yet."""
        ...

    @property
    def processes(self) -> Mapping[str, int]:
        """The process ids of the servers that the services use."""
        ...

    def queued(self, data: Path, tenant: str) -> Sequence[str]:
        """Return the ids of a tenant's queued exports, oldest first."""
        ...

    def files_of(self, data: Path, export_id: str) -> Sequence[bytes]:
        """Return the contents of the stored files of an export."""
        ...


class LocalStores:
    """SQLite and a folder."""

    processes: Mapping[str, int] = {}

    def settings(self, data: Path) -> dict[str, str]:  # noqa: ARG002 - both are below it by default
        """See Stores."""
        return {}

    def queued(self, data: Path, tenant: str) -> Sequence[str]:
        """See Stores."""
        with closing(sqlite3.connect(f"file:{data / 'exportd.sqlite3'}?mode=ro", uri=True)) as database:
            return [id_ for (id_,) in database.execute(_OF_TENANT.format(tenant))]

    def files_of(self, data: Path, export_id: str) -> Sequence[bytes]:
        """See Stores."""
        return [path.read_bytes() for path in (data / "artifacts" / export_id).rglob("*") if path.is_file()]


class SharedStores:
    """A PostgreSQL server with a database for each service, and a bucket with a prefix for each."""

    def __init__(self, server: str, objects: ObjectStore, home: Path) -> None:
        """`server` is the URL of a database, in whose server new ones are created. `home` keeps the keys."""
        self._server = server
        self._objects = objects
        self._home = home
        self._numbers = count(1)
        self._made: dict[Path, str] = {}
        with psycopg.connect(server) as database:
            above = psutil.Process(database.info.backend_pid).parent()
        self.processes: Mapping[str, int] = {"PostgreSQL": above.pid} if above else {}

    def settings(self, data: Path) -> dict[str, str]:
        """See Stores. Raises NotMeasured."""
        if not data.exists() or data not in self._made:
            self._made[data] = self._new(f"bench_{next(self._numbers)}")
        name = self._made[data]
        return {
            "EXPORTD_DATABASE": self._url(name),
            "EXPORTD_SECRET_KEY_FILE": str(self._home / name),
            "EXPORTD_ARTIFACTS": _bucket_url(name),
            **self._objects.settings,
        }

    def queued(self, data: Path, tenant: str) -> Sequence[str]:
        """See Stores."""
        with psycopg.connect(self._url(self._made[data])) as database:
            return [id_ for (id_,) in database.execute(_OF_TENANT.format(tenant).encode())]

    def files_of(self, data: Path, export_id: str) -> Sequence[bytes]:
        """See Stores."""
        bucket = opened(BucketStore(_bucket_url(self._made[data]), tuple(self._objects.settings.items())))
        listed = obstore.list(bucket, f"{export_id}/", return_arrow=False)
        return [bytes(obstore.get(bucket, each["path"]).bytes()) for some in listed for each in some]

    def _url(self, name: str) -> str:
        return urlsplit(self._server)._replace(path=f"/{name}").geturl()

    def _new(self, name: str) -> str:
        (self._home / name).write_bytes(b"k" * _KEY_BYTES)
        with psycopg.connect(self._server, autocommit=True) as server:
            server.execute(f"create database {name}".encode())
        command: list[str | Path] = [Path(sys.executable).with_name("exportd-api"), "migrate"]
        done = subprocess.run(  # noqa: S603
            command, env={"EXPORTD_DATABASE": self._url(name)}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotMeasured(done.stderr[-300:])
        return name


_stores: list[Stores] = [LocalStores()]


def current() -> Stores:
    """Return what services that are started now use."""
    return _stores[-1]


@contextmanager
def shared() -> Iterator[None]:
    """Start PostgreSQL and an object store, which services that are started in this context use.

    Raises NotMeasured.
    """
    with (
        tempfile.TemporaryDirectory(prefix="exportd-bench-") as folder,
        started("PostgreSQL", postgres()) as server,
        started("SeaweedFS", object_store(_made(Path(folder) / "weed"), _BUCKET)) as objects,
    ):
        _stores.append(SharedStores(server, objects, _made(Path(folder) / "keys")))
        try:
            yield
        finally:
            _stores.pop()


def _bucket_url(name: str) -> str:
    return f"s3://{_BUCKET}/{name}"


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
