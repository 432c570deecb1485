"""A database for examples: emptied for each, killed and opened again in some."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from services.api.storage.sql.tables import metadata
from services.api.storage.sqlite.database import SqliteDatabase
from tests.ports.moves import World

T = TypeVar("T")

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder in memory, where there is one: what is proven here is not the disk


class Bench:
    """One database file for all examples of a run, and an event loop of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._lives = 0
        self._crashed: list[SqliteDatabase] = []
        file = folder / "exportd.sqlite3"
        self.world = World(self.run(SqliteDatabase.open(file)), file)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    def begin(self) -> World:
        """On an empty store."""

        def wipe(db: Any) -> None:
            for table in reversed(metadata.sorted_tables):
                db.execute(table.delete())

        self.run(self.world.database.write(wipe))
        self.world.begin()
        return self.world

    def crash(self) -> None:
        """Go on with what kill -9 leaves of the file: what was committed, and no clean end."""
        self._lives += 1
        left = self._folder / f"life-{self._lives}.sqlite3"
        for suffix in ("", "-wal"):
            shutil.copy(f"{self.world.file}{suffix}", f"{left}{suffix}")
        self.run(self.world.database.close())
        self._go_on(left)

    def restart(self) -> None:
        """Close the file and open it again."""
        self.run(self.world.database.close())
        self._go_on(self.world.file)

    def _go_on(self, file: Path) -> None:
        self.world.file = file
        self.world.opened(self.run(self._opened(file)))

    async def _opened(self, file: Path) -> SqliteDatabase:
        return SqliteDatabase(file)

    def close(self) -> None:
        self.run(self.world.database.close())
        self._loop.close()


@contextmanager
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        opened = Bench(Path(folder))
        try:
            yield opened
        finally:
            opened.close()
