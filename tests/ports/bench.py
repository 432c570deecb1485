"""A store for examples: emptied for each, killed and opened again in some."""

import asyncio
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from services.api.ports.store import Store
from tests.ports.defects import Defect
from tests.ports.moves import FAIRNESS, POLICY, World
from tests.ports.rigs import RIGS
from tests.ports.snapshots import Snapshot

T = TypeVar("T")

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder in memory, where there is one: what is proven here is not the disk


class Bench:
    """One rig for all examples of a run, and an event loop of its own."""

    def __init__(self, kind: str, folder: Path, defect: Defect) -> None:
        self._defect = defect
        self._loop = asyncio.new_event_loop()
        self._rig = self.run(RIGS[kind](folder))
        self.world = World(self._store())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    def _store(self) -> Store:
        return self._defect(self._rig.store, POLICY, FAIRNESS)

    def begin(self) -> World:
        """On an empty store."""
        self.run(self._rig.empty())
        self.world = World(self._store())
        return self.world

    def snapshot(self) -> Snapshot:
        return self.run(self._rig.snapshot())

    def crash(self) -> None:
        """Go on with what kill -9 leaves."""
        self.run(self._rig.kill())
        self.world.store = self._store()

    def restart(self) -> None:
        """Close the store and open it again."""
        self.run(self._rig.restart())
        self.world.store = self._store()

    def close(self) -> None:
        self.run(self._rig.close())
        self._loop.close()


@contextmanager
def bench(kind: str, defect: Defect) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        opened = Bench(kind, Path(folder), defect)
        try:
            yield opened
        finally:
            opened.close()
