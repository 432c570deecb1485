"""Breaking what the plan says, and mending it again."""

import asyncio
import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil

from chaos.cluster import House
from chaos.disk import Disk
from chaos.plan import Fault, FaultKind
from chaos.proxy import Proxy
from chaos.supervisor import Keeper

_UP_WITHIN_S = 120.0
_BUSY_WITHIN_S = 1.0
_MOST_BYTES = 100_000


class Faults:
    """Inflicts faults on `house`; `inflicted` counts those that met something."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.inflicted: Counter[FaultKind] = Counter()

    async def inflict(self, fault: Fault) -> None:
        """Break something for `fault.seconds`. A process that is not there yet is waited for."""
        worker = self._house.workers[fault.which % len(self._house.workers)]
        line = self._house.lines[fault.which % len(self._house.lines)]
        match fault.kind:
            case FaultKind.KILL_API | FaultKind.TERMINATE_API:
                met = await self._end(self._house.api, fault)
            case FaultKind.KILL_WORKER | FaultKind.TERMINATE_WORKER:
                met = await self._end(worker, fault)
            case FaultKind.KILL_CHILD:
                met = await self._kill_child(worker, fault)
            case FaultKind.STOP_API:
                met = await self._stop(self._house.api, fault)
            case FaultKind.STOP_WORKER | FaultKind.STOP_CHILD:
                met = await self._stop(worker, fault)
            case FaultKind.CUT | FaultKind.CUT_MID_MESSAGE | FaultKind.FREEZE:
                met = await _disturb(line, fault)
            case FaultKind.FULL_FILES:
                met = await _fill(self._house.files, fault)
            case FaultKind.FULL_DATABASE:
                met = await _fill(self._house.database, fault)
        if met:
            self.inflicted[fault.kind] += 1

    async def _end(self, keeper: Keeper, fault: Fault) -> bool:
        """Usually when it serves, often when something is being built; now and then while it starts."""
        end = keeper.kill if fault.kind in (FaultKind.KILL_API, FaultKind.KILL_WORKER) else keeper.terminate
        if fault.draw % 8 == 0 and end(fault.seconds):
            return True
        await self._moment(keeper, fault)
        return end(fault.seconds)

    async def _moment(self, keeper: Keeper, fault: Fault) -> None:
        """When it serves; at most draws, as soon as there is a file in the making, if that is soon."""
        await keeper.serving(_UP_WITHIN_S)
        until = time.monotonic() + _BUSY_WITHIN_S
        while fault.draw % 4 and time.monotonic() < until and not _in_the_making(self._house.artifacts):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # how often the spool is looked at
        await asyncio.sleep(fault.draw % 256 / 1000)  # into the work, or out of it

    async def _kill_child(self, keeper: Keeper, fault: Fault) -> bool:
        await self._moment(keeper, fault)
        children = keeper.children()
        with suppress(psutil.NoSuchProcess):
            if children:
                children[fault.draw % len(children)].kill()
                return True
        return False

    async def _stop(self, keeper: Keeper, fault: Fault) -> bool:
        await self._moment(keeper, fault)
        processes = keeper.children() if fault.kind is FaultKind.STOP_CHILD else keeper.processes()
        if not processes:
            return False
        chosen = processes[fault.draw % len(processes)] if fault.kind is FaultKind.STOP_CHILD else processes[0]
        # A worker is stopped alone or with all its children.
        together = processes if fault.kind is FaultKind.STOP_WORKER and fault.draw % 2 else [chosen]
        keeper.stop([process.pid for process in together])
        await asyncio.sleep(fault.seconds)  # as long as the fault lasts
        keeper.go_on()
        return True


def _in_the_making(artifacts: Path) -> bool:
    """Some file is being written, by whichever worker."""
    return any(name != "lock" for _, _, names in os.walk(artifacts / ".spool") for name in names)


async def _disturb(line: Proxy, fault: Fault) -> bool:
    match fault.kind:
        case FaultKind.CUT:
            line.cut()
        case FaultKind.CUT_MID_MESSAGE:
            line.cut_after(fault.draw % _MOST_BYTES)
        case _:
            line.freeze()
            await asyncio.sleep(fault.seconds)  # as long as the fault lasts
            line.heal()
    return True


async def _fill(disk: Disk, fault: Fault) -> bool:
    await asyncio.to_thread(disk.fill)
    try:
        await asyncio.sleep(fault.seconds)  # as long as the fault lasts
    finally:
        await asyncio.to_thread(disk.free)
    return True
