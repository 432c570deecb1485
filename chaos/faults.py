"""Breaks what the plan says, and repairs it."""

import asyncio
import time
from collections import Counter
from contextlib import suppress

import psutil

from chaos.cluster import Cluster
from chaos.disk import Disk
from chaos.plan import KILLS, Fault, FaultKind
from chaos.proxy import Proxy
from chaos.supervisor import Supervisor

_WORK_TIMEOUT_S = 1.0
_MAX_CUT_BYTES = 100_000
_SERVERS = (FaultKind.KILL_DATABASE, FaultKind.KILL_STORE)
_OF_APIS = frozenset({FaultKind.KILL_API, FaultKind.TERMINATE_API, FaultKind.STOP_API})


class Faults:
    """Inflicts faults on `cluster`. `counts` counts those that had an effect."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.counts: Counter[FaultKind] = Counter()

    async def inflict(self, fault: Fault) -> None:
        """Break something for `fault.seconds`. If a process is not running yet, wait for it."""
        cluster = self._cluster
        match fault.kind:
            case FaultKind.KILL_CHILD:
                met = await self._kill_child(self._of(fault), fault)
            case FaultKind.STOP_API | FaultKind.STOP_WORKER | FaultKind.STOP_CHILD:
                met = await self._stop(self._of(fault), fault)
            case FaultKind.CUT | FaultKind.CUT_MID_MESSAGE | FaultKind.FREEZE:
                met = await _disturb(cluster.proxies[fault.which % len(cluster.proxies)], fault)
            case FaultKind.FULL_FILES | FaultKind.FULL_DATABASE:
                met = await _fill(cluster.stores.disks[fault.kind is FaultKind.FULL_DATABASE], fault)
            case FaultKind.END_SESSIONS:
                met = await asyncio.to_thread(cluster.stores.end_sessions, fault.draw)
            case _:
                met = await self._end(self._of(fault), fault)
        if met:
            self.counts[fault.kind] += 1

    def _of(self, fault: Fault) -> Supervisor:
        """Return the process that the fault is about."""
        cluster = self._cluster
        if fault.kind in _SERVERS:
            return cluster.stores.servers[_SERVERS.index(fault.kind)]
        several = cluster.apis if fault.kind in _OF_APIS else cluster.workers
        return several[fault.which % len(several)]

    async def _end(self, supervisor: Supervisor, fault: Fault) -> bool:
        """End a process: usually while it serves, often while something is built, sometimes while it starts."""
        end = supervisor.kill if fault.kind in KILLS else supervisor.terminate
        if fault.draw % 8 == 0 and end(fault.seconds):
            return True
        await self._wait_for_work(supervisor, fault)
        return end(fault.seconds)

    async def _wait_for_work(self, supervisor: Supervisor, fault: Fault) -> None:
        """Wait until the process serves and, in most draws, until a file is being written, if that happens soon."""
        await supervisor.serving()
        until = time.monotonic() + _WORK_TIMEOUT_S
        while fault.draw % 4 and time.monotonic() < until and not self._cluster.stores.is_building():  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # interval of the checks
        await asyncio.sleep(fault.draw % 256 / 1000)  # until some point during the work, or after it

    async def _kill_child(self, supervisor: Supervisor, fault: Fault) -> bool:
        await self._wait_for_work(supervisor, fault)
        children = supervisor.children()
        with suppress(psutil.NoSuchProcess):
            if children:
                children[fault.draw % len(children)].kill()
                return True
        return False

    async def _stop(self, supervisor: Supervisor, fault: Fault) -> bool:
        await self._wait_for_work(supervisor, fault)
        processes = supervisor.children() if fault.kind is FaultKind.STOP_CHILD else supervisor.processes()
        if not processes:
            return False
        chosen = processes[fault.draw % len(processes)] if fault.kind is FaultKind.STOP_CHILD else processes[0]
        # A worker is suspended alone or with all its children.
        together = processes if fault.kind is FaultKind.STOP_WORKER and fault.draw % 2 else [chosen]
        supervisor.stop([process.pid for process in together])
        await asyncio.sleep(fault.seconds)  # as long as the fault lasts
        supervisor.go_on()
        return True


async def _disturb(proxy: Proxy, fault: Fault) -> bool:
    match fault.kind:
        case FaultKind.CUT:
            proxy.cut()
        case FaultKind.CUT_MID_MESSAGE:
            proxy.cut_after(fault.draw % _MAX_CUT_BYTES)
        case _:
            proxy.freeze()
            await asyncio.sleep(fault.seconds)  # as long as the fault lasts
            proxy.thaw()
    return True


async def _fill(disk: Disk, fault: Fault) -> bool:
    await asyncio.to_thread(disk.fill)
    try:
        await asyncio.sleep(fault.seconds)  # as long as the fault lasts
    finally:
        await asyncio.to_thread(disk.free)
    return True
