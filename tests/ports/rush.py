"""Creates, claims, ends and cancels at the same time."""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta

from services.api.domain.leases import Ability
from services.api.domain.retry import GiveBack, RetryAfter
from services.contract.capabilities import EVERYTHING, Capabilities, Requirement
from services.contract.errors import ExportdError
from tests.ports.samples import CRASH, DISK_FULL, SPEC, START, STATS, new_export, new_file

SHOP, FLIGHTS = (Requirement(frozenset({name})) for name in ("rows/sql/shop", "rows/csv/flights"))
TENANTS = tuple(f"tenant-{number}" for number in range(12))


class Rush:
    """Creates, claims, ends and cancels at the same time, all over few tenants, so that rows come and go."""

    def __init__(self, store, seed: int) -> None:
        self._store = store
        self._random = random.Random(seed)
        self._name = f"w{seed}"
        self.made: set[str] = set()
        self.ended: Counter[str] = Counter()
        self._waiting: list[tuple[str, str]] = []

    async def run(self, creates: int = 40, polls: int = 60) -> None:
        """Six who create, six who claim, and one who cancels."""
        can = (EVERYTHING, Capabilities(SHOP.needs), Capabilities(FLIGHTS.needs))
        creators = [self.create(creates) for _ in range(6)]
        claimers = [self.claim(f"{self._name}-{number}", can[number % 3], polls) for number in range(6)]
        await asyncio.gather(*creators, *claimers, self.cancel(creates))

    async def create(self, count: int) -> None:
        for _ in range(count):
            tenant, requirement = self._random.choice(TENANTS), self._random.choice((SHOP, FLIGHTS))
            made = new_export(tenant=tenant, requirement=requirement, max_attempts=100)
            export = await self._store.exports.create(made, SPEC, None)
            self.made.add(export.id)
            self._waiting.append((tenant, export.id))
            await asyncio.sleep(0)

    async def cancel(self, count: int) -> None:
        for _ in range(count):
            if self._waiting:
                of = self._waiting.pop(self._random.randrange(len(self._waiting)))
                cancelled = await asyncio.gather(
                    self._store.exports.cancel(*of, START, only_if_queued=True), return_exceptions=True
                )
                self.ended.update(of[1] for answer in cancelled if not isinstance(answer, ExportdError))
            await asyncio.sleep(0)

    async def claim(self, worker: str, can: Capabilities, polls: int) -> None:
        for poll in range(polls):
            jobs = await self._store.leases.claim(worker, f"{worker}-{poll}", 3, START, Ability(can))
            await asyncio.gather(*(self._end(job) for job in jobs))
            await asyncio.sleep(0)

    async def _end(self, job) -> None:
        match self._random.randrange(4):
            case 0:
                await self._store.leases.release([job.ref], START)
            case 1:
                await self._store.leases.fail(job.ref, CRASH, RetryAfter(timedelta()), START)
            case 2:
                await self._store.leases.fail(job.ref, DISK_FULL, GiveBack(RetryAfter(timedelta())), START)
            case _:
                await self._complete(job)

    async def _complete(self, job) -> None:
        file = replace(new_file(job.export.id), id=f"{job.export.id}-{job.lease_id}")
        await self._store.leases.complete(job.ref, file, STATS, START)
        self.ended[job.export.id] += 1

    async def drain(self) -> None:
        """One patient worker ends what is left."""
        polls = 0
        while jobs := await self._store.leases.claim("patient", f"patient-{polls}", 16, START):
            await asyncio.gather(*(self._complete(job) for job in jobs))
            polls += 1
