"""Probes: whether what failed works again."""

import asyncio

from services.contract.job import LeaseRef
from services.contract.outcome import Failure, Progress
from services.runtime import logs
from services.worker.order import ProbeOrder
from services.worker.supervisor.attempt import WorkerContext
from services.worker.supervisor.health import WHOLE

PROBE_S = 60.0
"""Time limit of a probe in seconds, including the wait for a free process."""


class Probing:
    """The health.Probe of a worker. Drivers and memory are tested in a child process, because that can be killed."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context

    async def __call__(self, source_id: str) -> bool:
        """Whether the source can be reached; for WHOLE, whether files can be written and memory is available."""
        if source_id == WHOLE and not await asyncio.to_thread(self._takes_files):
            return False
        order = ProbeOrder(source_id, self._context.world.new_id(), self._context.sources.current)
        try:
            async with asyncio.timeout(PROBE_S):
                return not isinstance(await self._context.pool.run(order, _unheard), Failure)
        except TimeoutError:
            return False
        except Exception:  # noqa: BLE001 - any error means that it does not work
            logs.get().exception("probe_crashed", source=source_id)
            return False

    def _takes_files(self) -> bool:
        return self._context.store.takes_files() and self._scratch_takes_files()

    def _scratch_takes_files(self) -> bool:
        lease = LeaseRef("probe", self._context.world.new_id())
        try:
            folder = self._context.scratch.folder_for(lease)
            (folder / "probe").write_bytes(self._context.store.probe_bytes)
        except OSError:
            return False
        finally:
            self._context.scratch.remove(lease)
        return True


def _unheard(progress: Progress) -> None:
    """Ignore the progress of a probe."""
