"""The entries of downloads are written, also when the api stops during a write."""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from services.api.domain.audit import Action, AuditEntry
from services.api.storage.memory.audit import MemoryAuditStore
from services.api.storage.memory.data import MemoryData
from services.api.usecases import download_log
from services.api.usecases.download_log import DownloadLog
from services.contract.errors import StoreUnavailable

NEW_ID = map("download {}".format, itertools.count()).__next__
NOW = datetime(2026, 11, 1, tzinfo=UTC)


class SlowAudit:
    """A store whose first write takes until a test lets it end."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.actions: list[Action | None] = []

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        self.begun.set()
        await self.may_end.wait()
        self.actions += [entry.action for entry in entries]


def download() -> SimpleNamespace:
    artifact = SimpleNamespace(size_bytes=5)
    file = SimpleNamespace(id="f", artifact=artifact)
    return SimpleNamespace(export=SimpleNamespace(id="e", tenant="acme", type="Orders"), file=file, offset=0, end=5)


async def test_the_api_stops_after_the_write_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the store would be closed under it, and its downloads would not be entered."""
    monkeypatch.setattr(download_log, "WRITTEN_EACH_S", 0.001)
    audit = SlowAudit()
    log = DownloadLog(audit, lambda: NOW, NEW_ID)  # type: ignore[arg-type]

    async def served() -> None:
        async with log.running():
            with log.entered(download()):  # type: ignore[arg-type]
                pass
            await audit.begun.wait()

    serving = asyncio.create_task(served())
    await audit.begun.wait()
    for _ in range(10):
        await asyncio.sleep(0)  # the api begins to stop
    assert not serving.done()
    audit.may_end.set()
    await serving
    assert audit.actions == [Action.DOWNLOAD_ENDED]


class AnswerLost:
    """A store that stores, and whose first answers are lost."""

    def __init__(self, lost: int) -> None:
        self.data, self._lost = MemoryData(), lost
        self._store = MemoryAuditStore(self.data)

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        await self._store.add(entries)
        self._lost -= 1
        if self._lost >= 0:
            raise StoreUnavailable


async def test_what_is_written_again_because_an_answer_was_lost_is_entered_once() -> None:
    audit = AnswerLost(3)
    log = DownloadLog(audit, lambda: NOW, NEW_ID)  # type: ignore[arg-type]
    with log.entered(download()):  # type: ignore[arg-type]
        await log.run_once()
        with log.entered(download()):  # type: ignore[arg-type]
            await log.run_once()
    for _ in range(3):
        await log.run_once()
    actions = [entry.action for entry in audit.data.audit]
    assert sorted(actions, key=str) == 2 * [Action.DOWNLOAD_ENDED] + 2 * [Action.DOWNLOAD_STARTED]
