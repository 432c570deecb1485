"""The progress of exports as their workers report it, for all processes."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import sqlalchemy as sa

from services.api.live.shared.periodic import periodically
from services.api.ports.clock import Clock
from services.api.ports.live import DetachedTasks
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.sql.column_types import MICROSECOND, to_micros
from services.contract.errors import StoreUnavailable
from services.contract.outcome import Phase, Progress

WRITTEN_EACH_S = 1.0
"""Shortest time between two written reports on one export."""

FRESH_S = 2.0
"""How long a report to this process is preferred to the written one."""

CLEANED_EACH_S = 15.0

# Bound to the lease in force: the progress of an earlier attempt is not shown.
_put = sa.text(
    "INSERT INTO progress (export_id, lease_id, time, phase, rows_written, rows_total, bytes_written, eta) "
    "SELECT id, lease_id, :time, :phase, :rows_written, :rows_total, :bytes_written, :eta FROM exports "
    "WHERE id = :id AND state = 'PROCESSING' ON CONFLICT (export_id) DO UPDATE SET lease_id = excluded.lease_id, "
    "time = excluded.time, phase = excluded.phase, rows_written = excluded.rows_written, "
    "rows_total = excluded.rows_total, bytes_written = excluded.bytes_written, eta = excluded.eta"
)
_in_force = (
    "FROM progress p JOIN exports e ON e.id = p.export_id AND e.lease_id = p.lease_id AND e.state = 'PROCESSING'"
)
_get = sa.text(
    f"SELECT p.export_id, p.phase, p.rows_written, p.rows_total, p.bytes_written, p.eta {_in_force} "
    "WHERE p.export_id = ANY(:ids)"
)
_times = sa.text(f"SELECT p.export_id, p.time {_in_force} WHERE p.export_id = ANY(:ids)")
_forget = sa.text(f"DELETE FROM progress WHERE export_id NOT IN (SELECT p.export_id {_in_force})")  # noqa: S608


class Reports:
    """Writes what workers report to this process, and reads what they report to any process."""

    def __init__(
        self, database: PostgresDatabase, clock: Clock, monotonic: Callable[[], float], detached: DetachedTasks
    ) -> None:
        self._database = database
        self._clock = clock
        self._monotonic = monotonic
        self._here: dict[str, tuple[Progress, float]] = {}
        self._written: dict[str, float] = {}
        self._detached = detached

    def forget(self, export_id: str) -> None:
        """Forget the last report on an export that has a new version: it may belong to an earlier attempt."""
        self._here.pop(export_id, None)

    def take(self, export_id: str, progress: Progress, then: Callable[[], None]) -> None:
        """Take a report of a worker. `then` is called after it was written, if it is."""
        now = self._monotonic()
        self._here[export_id] = (progress, now)
        if now - self._written.get(export_id, -WRITTEN_EACH_S) >= WRITTEN_EACH_S:
            self._written[export_id] = now
            self._detached.start(self._write(export_id, progress, then))

    async def of(self, export_ids: Sequence[str]) -> Mapping[str, Progress]:
        """Return the last report on each of these exports. Exports without one are left out."""
        since = self._monotonic() - FRESH_S
        here = {
            export_id: known[0]
            for export_id in export_ids
            if (known := self._here.get(export_id)) and known[1] >= since
        }
        others = [export_id for export_id in export_ids if export_id not in here]
        return {**await self._read(others), **here} if others else here

    async def times(self, export_ids: Sequence[str]) -> Mapping[str, int]:
        """Return the time, in microseconds, of the last written report on each of these that is being built."""
        return await self._database.read_for_workers(
            lambda db: {row.export_id: row.time for row in db.execute(_times, {"ids": [*export_ids]})}
        )

    async def run(self) -> None:
        """Remove reports on ended attempts until cancelled."""
        await periodically(lambda: CLEANED_EACH_S, self._remove)

    async def _remove(self) -> None:
        since = self._monotonic() - CLEANED_EACH_S
        self._here = {export_id: known for export_id, known in self._here.items() if known[1] >= since}
        self._written = {export_id: at for export_id, at in self._written.items() if at >= since}
        await self._database.write_soon(lambda db: db.execute(_forget).close())

    async def _read(self, export_ids: Sequence[str]) -> Mapping[str, Progress]:
        return await self._database.read(
            lambda db: {row.export_id: _progress(row) for row in db.execute(_get, {"ids": [*export_ids]})}
        )

    async def _write(self, export_id: str, progress: Progress, then: Callable[[], None]) -> None:
        values = {
            "id": export_id,
            "time": to_micros(self._clock()),
            "phase": progress.phase.value,
            "rows_written": progress.rows_written,
            "rows_total": progress.rows_total,
            "bytes_written": progress.bytes_written,
            "eta": progress.eta // MICROSECOND if progress.eta is not None else None,
        }
        with suppress(StoreUnavailable):  # the next report is written
            await self._database.write_soon(lambda db: db.execute(_put, values).close())
            then()


def _progress(row: sa.Row[tuple[object, ...]]) -> Progress:
    eta = timedelta(microseconds=row.eta) if row.eta is not None else None
    return Progress(Phase(row.phase), row.rows_written, row.rows_total, row.bytes_written, eta)
