"""Where the cluster keeps state and files, and what can break there. On one machine: SQLite and a folder."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import psutil

from chaos.disk import Disk, SizeLimit, Tmpfs, may_mount
from chaos.leftovers import Rows, SqliteRows, keys_in
from chaos.plan import LOCAL, Layout
from chaos.proxy import Proxy
from chaos.supervisor import Supervisor
from services.worker.artifacts.settings import ArtifactSettings, FolderStore


class Stores(Protocol):
    """What lasts longer than any process of exportd. A context: their servers run while it lasts.

    `disks` can be filled: that of the files and that of the database, or there are none. `servers` are the processes of
    the database and of the object store, `proxies` lead to them.
    """

    @property
    def layout(self) -> Layout: ...

    @property
    def full_disk(self) -> str: ...

    @property
    def artifacts(self) -> ArtifactSettings: ...

    @property
    def scratch(self) -> Path: ...

    @property
    def disks(self) -> Sequence[Disk]: ...

    @property
    def servers(self) -> Sequence[Supervisor]: ...

    @property
    def proxies(self) -> Sequence[Proxy]: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def settings_of_api(self, number: int) -> dict[str, str]: ...

    def settings_of_worker(self) -> dict[str, str]: ...

    def broken_since(self, since: float) -> bool:
        """Whether something that processes need to start was broken since a time (monotonic)."""
        ...

    def is_building(self) -> bool:
        """Whether any worker is writing a file."""
        ...

    def end_sessions(self, draw: int) -> bool:
        """End sessions of the database. Return whether there were any."""
        ...

    def rows(self) -> AbstractContextManager[Rows]: ...

    def keys(self) -> list[str]:
        """Return the keys of everything in the artifact store, including unfinished files."""
        ...

    def places(self) -> list[Path]:
        """Return the files of the database."""
        ...


class LocalStores:
    """SQLite and a folder, on disks of their own if this process may mount them."""

    layout = LOCAL
    servers: Sequence[Supervisor] = ()
    proxies: Sequence[Proxy] = ()

    def __init__(
        self,
        folder: Path,
        of_apis: Callable[[], Iterable[psutil.Process]],
        of_workers: Callable[[], Iterable[psutil.Process]],
    ) -> None:
        """`of_apis` and `of_workers` return the processes that write."""
        files, self.data = folder / "files", folder / "data"
        if may_mount(folder):
            self.disks: tuple[Disk, Disk] = (Tmpfs(files), Tmpfs(self.data))
        else:
            self.disks = (SizeLimit(files, of_workers), SizeLimit(self.data, of_apis))
        self.full_disk = self.disks[0].method
        self.artifacts = FolderStore(files)
        self.scratch = files / ".scratch"
        self._stack = ExitStack()

    async def __aenter__(self) -> Self:
        for disk in self.disks:
            self._stack.enter_context(disk)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def settings_of_api(self, number: int) -> dict[str, str]:  # noqa: ARG002 - there is one
        """See Stores."""
        return self.settings_of_worker()

    def settings_of_worker(self) -> dict[str, str]:
        """See Stores."""
        return {"EXPORTD_DATA_DIR": str(self.data), "EXPORTD_ARTIFACTS": str(self.artifacts.root)}

    def broken_since(self, since: float) -> bool:
        """See Stores: nothing starts without room for its lock."""
        return max(disk.full_until for disk in self.disks) >= since

    def is_building(self) -> bool:
        """See Stores."""
        spool = self.artifacts.root / ".spool"
        return any(name != "lock" for _, _, names in os.walk(spool) for name in names)

    def end_sessions(self, draw: int) -> bool:  # noqa: ARG002 - as above
        """See Stores."""
        return False

    def rows(self) -> SqliteRows:
        """See Stores."""
        return SqliteRows(self.data / "exportd.sqlite3")

    def keys(self) -> list[str]:
        """See Stores."""
        return list(keys_in(self.artifacts.root))

    def places(self) -> list[Path]:
        """See Stores."""
        return list(self.data.glob("exportd.sqlite3*"))
