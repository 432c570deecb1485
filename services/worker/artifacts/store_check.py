"""Whether api and worker see the same artifact store."""

import asyncio
from collections.abc import Iterator

from services.contract.errors import StoreMismatch
from services.runtime import logs
from services.worker.artifacts.folder import ArtifactFolder
from services.worker.world import World

_FIRST_PAUSE_S, _MAX_PAUSE_S = 1.0, 60.0


class StoreCheck:
    """Compares the store's marker with the one that jobs carry; while they differ, no work is taken for a while."""

    def __init__(self, folder: ArtifactFolder, world: World) -> None:
        self._folder = folder
        self._world = world
        self._pauses = self._fresh_pauses()
        self._paused_until = 0.0
        self._required = ""
        self.matches = True

    def require(self, store_id: str) -> None:
        """Reads the marker. Raises StoreMismatch."""
        self._required = store_id
        found = self._folder.store_id()
        if not store_id or found != store_id:
            raise StoreMismatch(expected=f"the store {store_id or '(none)'}", found=f"the store {found or '(none)'}")
        if not self.matches:
            self.matches, self._pauses = True, self._fresh_pauses()

    def refuse(self, mismatch: StoreMismatch) -> None:
        """Take no work for a while, each time longer."""
        pause = next(self._pauses)
        self.matches = False
        self._paused_until = self._world.monotonic() + pause
        logs.get().error(
            "store_mismatch",
            expected=mismatch.expected,
            found=mismatch.found,
            root=str(self._folder.root),
            fix="give both services the same EXPORTD_ARTIFACTS",
            pause_s=round(pause, 1),
        )

    async def pause(self) -> None:
        """Wait until work may be taken."""
        await asyncio.sleep(max(0.0, self._paused_until - self._world.monotonic()))
        if not self.matches:  # mended meanwhile?
            self.matches = await asyncio.to_thread(self._folder.store_id) == self._required

    def _fresh_pauses(self) -> Iterator[float]:
        return self._world.pauses(_FIRST_PAUSE_S, _MAX_PAUSE_S)
