"""Two api processes beside each other, as far as they share what is live: in one memory, or over PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from services.api.live.parts import Live, Needs, alone
from services.api.live.shared.listener import Listener
from services.api.live.shared.parts import together
from services.api.ports.store import Store
from services.api.secrets.server_keys import ServerKeys
from services.api.storage.memory.data import MemoryData
from services.api.storage.memory.store import memory_store
from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.sql.stores import sql_store
from tests.patience import PATIENCE_S
from tests.ports.samples import START
from tests.servers.stores import new_store

STORE_ID = "store"
TTL = timedelta(seconds=30)
KEYS = ServerKeys.of(b"k" * 32)


class Time:
    """A clock that a test sets; its seconds are those of `monotonic`, too."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def __call__(self) -> datetime:
        return START + self.passed

    def monotonic(self) -> float:
        return self.passed.total_seconds()

    def goes_on(self, by: timedelta) -> None:
        self.passed += by


@dataclass(frozen=True)
class Lives:
    """What two processes hold, `here` and `there`, and the store that they share."""

    here: Live
    there: Live
    store: Store
    time: Time
    capped: list[bool]
    url: str = ""


def _needs(store: Store, time: Time, capped: list[bool], taken_within_s: float) -> Needs:
    return Needs(
        clock=time,
        monotonic=time.monotonic,
        random=lambda: 0.5,
        new_id=lambda: str(uuid4()),
        audit=store.audit,
        store_id=STORE_ID,
        capped=lambda: capped[-1],
        ttl=TTL,
        preview_taken_s=taken_within_s,
        preview_answered_s=PATIENCE_S,
    )


@asynccontextmanager
async def in_memory(taken_within_s: float) -> AsyncIterator[Lives]:
    time, capped = Time(), [False]
    store = memory_store(data=MemoryData())
    live = alone(_needs(store, time, capped, taken_within_s))
    yield Lives(live, live, store, time, capped)


@asynccontextmanager
async def hearing(taken_within_s: float) -> AsyncIterator[Lives]:
    """Processes that hear each other, and do not look."""
    async with _on_postgres(taken_within_s, _is_listener) as lives:
        await until(lambda: all(live.hears and live.hears() for live in (lives.here, lives.there)))
        yield lives


@asynccontextmanager
async def looking(taken_within_s: float) -> AsyncIterator[Lives]:
    """Processes whose hints are all lost."""
    async with _on_postgres(taken_within_s, lambda run: not _is_listener(run)) as lives:
        yield lives


@asynccontextmanager
async def both(taken_within_s: float) -> AsyncIterator[Lives]:
    """Processes as they are."""
    async with _on_postgres(taken_within_s, lambda _: True) as lives:
        await until(lambda: all(live.hears and live.hears() for live in (lives.here, lives.there)))
        yield lives


ALIKE = {"hearing": hearing, "memory": in_memory}
"""Those that tell each other at once, and whom exactly."""

ALL = {**ALIKE, "looking": looking}


def _is_listener(run: Callable[[], Awaitable[None]]) -> bool:
    return isinstance(run.__self__, Listener)  # type: ignore[attr-defined]


@asynccontextmanager
async def _on_postgres(
    taken_within_s: float, runs: Callable[[Callable[[], Awaitable[None]]], bool]
) -> AsyncIterator[Lives]:
    url, time, capped = new_store(), Time(), [False]
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(PostgresDatabase(Address(url))) for _ in range(2)]
        store = sql_store(databases[0])
        here, there = (
            together(each, sql_store(each).exports, KEYS, _needs(store, time, capped, taken_within_s))
            for each in databases
        )
        beside = [run for live in (here, there) for run in live.beside if runs(run)]
        async with running([run() for run in beside]):
            yield Lives(here, there, store, time, capped, url)
        for live in (here, there):
            await live.detached.settled()


@asynccontextmanager
async def running(work: Sequence[Awaitable[None]]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.01)  # nothing says when


async def until_it_is(ask: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await ask():
            await asyncio.sleep(0.01)  # nothing says when
