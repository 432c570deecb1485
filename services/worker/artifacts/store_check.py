"""Whether api and worker see the same artifact store."""

import asyncio
from collections.abc import Iterator

from services.contract.errors import StoreMismatch
from services.contract.job import Job
from services.contract.store import artifact_prefix, is_prefix
from services.runtime import logs
from services.worker.ports import ArtifactSink
from services.worker.world import World

_FIRST_PAUSE_S, _MAX_PAUSE_S = 1.0, 60.0


class StoreCheck:
    """Compares the sink with what jobs say of the store; while they differ, no work is taken for a while."""

    def __init__(self, sink: ArtifactSink, world: World) -> None:
        self._sink = sink
        self._world = world
        self._pauses = self._fresh_pauses()
        self._paused_until = 0.0
        self._required = ""
        self.matches = True

    def require(self, job: Job) -> None:
        """Reads the marker. Raises StoreMismatch, also for a prefix that is not where this worker would write."""
        self._required = job.store_id
        own_id = self._sink.store_id()
        if not job.store_id or own_id != job.store_id:
            raise StoreMismatch(f"the store {job.store_id or '(none)'}", f"the store {own_id or '(none)'}")
        prefix = artifact_prefix(job.lease)
        if job.artifact_prefix != prefix or not is_prefix(prefix):
            raise StoreMismatch(f"the prefix {job.artifact_prefix!r}", f"the prefix {prefix!r}")
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
            location=self._sink.location,
            fix="give both services the same EXPORTD_ARTIFACTS, and versions that agree on its layout",
            pause_s=round(pause, 1),
        )

    async def pause(self) -> None:
        """Wait until work may be taken."""
        await asyncio.sleep(max(0.0, self._paused_until - self._world.monotonic()))
        if not self.matches:  # mended meanwhile?
            self.matches = await asyncio.to_thread(self._sink.store_id) == self._required

    def _fresh_pauses(self) -> Iterator[float]:
        return self._world.pauses(_FIRST_PAUSE_S, _MAX_PAUSE_S)
