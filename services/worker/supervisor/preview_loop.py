"""Answers previews beside the jobs, while a slot is free."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from services.contract.codes import FailureCode, WarningCode
from services.contract.errors import ExportdError
from services.contract.outcome import Failure, Progress
from services.contract.preview import Preview, Previewed
from services.runtime import logs
from services.worker.order import PreviewOrder, Shown
from services.worker.supervisor.attempt import WorkerContext
from services.worker.supervisor.leases import Leases

_POLL_S = 20.0


class Previewing:
    """Answers one preview at a time, until cancelled. A preview has no lease, so it can be dropped without loss."""

    def __init__(self, context: WorkerContext, leases: Leases, in_touch: Callable[[], Awaitable[object]]) -> None:
        """`in_touch` waits until the api answers."""
        self._context = context
        self._leases = leases
        self._in_touch = in_touch
        self._pauses = context.world.pauses()

    async def run(self) -> None:
        """Answer previews until cancelled. Never returns."""
        while True:
            await self._in_touch()
            await self._leases.until_free()
            try:
                preview = await self._context.queue.take_preview(_POLL_S)
                if preview:
                    await self._context.queue.finish_preview(preview.id, await self._preview(preview))
            except ExportdError as error:
                logs.get().debug("preview_unanswered", reason=error.reason)
                await asyncio.sleep(next(self._pauses))
            else:
                self._pauses = self._context.world.pauses()

    async def _preview(self, preview: Preview) -> Shown:
        """Return the first rows, with the total number of rows if it can be counted within its time limit."""
        reference = self._context.world.new_id()
        rows = await self._within(self._context.previews.rows_s, preview, preview.rows, reference)
        if isinstance(rows, Failure):
            return rows
        if len(rows.rows) < preview.rows and not preview.spec.page and not _cut(rows):
            return replace(rows, rows_total=len(rows.rows))
        counted = await self._within(self._context.previews.count_s, preview, 0, reference)
        total = counted.rows_total if isinstance(counted, Previewed) else 0
        return replace(rows, rows_total=total)

    async def _within(self, time_s: float, preview: Preview, rows: int, reference: str) -> Shown:
        order = PreviewOrder(preview.spec, rows, reference, self._context.sources.current)
        try:
            async with asyncio.timeout(time_s):
                return await self._context.pool.run(order, _unheard)
        except TimeoutError:
            return Failure(FailureCode.PREVIEW_TIMEOUT, f"reading them took longer than {time_s:g} s")


def _cut(rows: Previewed) -> bool:
    return any(warning.code == WarningCode.ROWS_CUT for warning in rows.warnings)


def _unheard(progress: Progress) -> None:
    """Ignore the progress of a preview."""
