"""One run: rounds of scenarios and faults, then a pause, then the checks."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import structlog

from chaos.callers import Callers
from chaos.calls import CLIENT_PATIENCE
from chaos.cluster import Cluster
from chaos.draw import round_of
from chaos.faults import Faults
from chaos.findings import Findings, Violation
from chaos.misbehaving_worker import ExportReader, MisbehavingWorker
from chaos.plan import ROUND_S, TENANTS, Fault, Round
from chaos.previews import Previews
from chaos.report import Report
from chaos.verification import Verification
from exportd_client import ExportClient
from services.worker.sources.settings import load
from services.worker.sources.sources import Sources

_MAX_OPEN_SCENARIOS = 25
"""How many scenarios may continue into the next round.

More would only wait for workers that are dead half of the time.
"""

_MAX_ACTIVE_FAULTS = 2
"""How many faults may continue into the next round."""

_QUIESCE_S = 180.0

PrintLine = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The length of a run: `rounds`, or as many as begin within `seconds` if that is not None."""

    seed: int
    rounds: int = 20
    seconds: float | None = None
    shared: bool = False
    """On PostgreSQL and an object store, with several apis."""


@dataclass(frozen=True, slots=True)
class Clients:
    """One client per tenant: those in `proxied` reach the api through the proxy, those in `direct` directly."""

    proxied: Mapping[str, ExportClient]
    direct: Mapping[str, ExportClient]


async def run(options: RunOptions, folder: Path, print_line: PrintLine) -> Report:
    """Run the test below `folder`, which must not exist yet. `print_line` is called with progress messages."""
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(Cluster(folder, shared=options.shared))
        print_line(f"seed {options.seed}; full disks by {cluster.stores.full_disk}; everything below {folder}")
        _log_into(stack.enter_context((cluster.logs / "misbehaving-worker.log").open("w")))
        clients = Clients(
            proxied=await _clients(stack, cluster.proxied_target), direct=await _clients(stack, cluster.direct_target)
        )
        sources = await asyncio.to_thread(_sources, cluster.workload / "sources.toml")
        return await Run(options, cluster, clients, sources, print_line).run()


class Run:
    """One run in a running cluster. The misbehaving worker reads `sources`."""

    def __init__(
        self,
        options: RunOptions,
        cluster: Cluster,
        clients: Clients,
        sources: Sources,
        print_line: PrintLine,
    ) -> None:
        self._options = options
        self._cluster = cluster
        self._ledger = cluster.ledger
        self._direct = clients.direct
        self._print_line = print_line
        self._findings = Findings()
        self._faults = Faults(cluster)
        self._callers = Callers(clients.proxied, cluster, self._findings)
        self._previews = Previews(clients.proxied, self._ledger)
        reader = ExportReader(clients.direct)
        self._misbehaving_worker = MisbehavingWorker(
            cluster.queue_address,
            cluster.stores.artifacts,
            cluster.stores.scratch,
            sources,
            reader.export,
            reader.transitions,
            self._findings,
        )
        self._plan = hashlib.sha256()
        self._scenarios: set[asyncio.Task[None]] = set()
        self._active_faults: set[asyncio.Task[None]] = set()

    async def run(self) -> Report:
        """Run all rounds, repair everything, and check the results.

        If the task is cancelled, which Ctrl-C does, return what was found until then. Its report is `interrupted`.
        """
        report = Report(self._options.seed, "", self._cluster.stores.full_disk, findings=self._findings)
        try:
            await self._tried(report)
        except asyncio.CancelledError:
            await self._interrupted(report)
        return report

    async def _tried(self, report: Report) -> None:
        began = time.monotonic()
        try:
            await self._rounds(report, began)
        finally:
            report.seconds = time.monotonic() - began
            report.plan = self._plan.hexdigest()
        self._print_line("healing everything; waiting until every export is done")
        began = time.monotonic()
        await self._heal()
        verification = Verification(self._cluster, self._ledger, self._findings, self._direct, self._misbehaving_worker)
        await verification.wait()
        report.quiesce_seconds = time.monotonic() - began
        self._print_line("checking every export and every file")
        await verification.check(report)
        self._count(report)

    async def _interrupted(self, report: Report) -> None:
        """End what goes on, so that nothing breaks a process that is being stopped, and keep what was found."""
        report.interrupted = True
        report.findings = self._findings.copy()  # before what is cut off complains
        under_way = [*self._active_faults, *self._scenarios]
        for task in under_way:
            task.cancel()
        self._print_line("interrupted: stopping all processes; exports and files are not checked")
        await asyncio.gather(*under_way, return_exceptions=True)
        report.acknowledged = len(self._ledger.acknowledged)
        self._count(report)

    def _count(self, report: Report) -> None:
        report.fault_counts = self._faults.counts
        report.misuses = {kind.name.lower(): count for kind, count in self._misbehaving_worker.counts.items()}

    # ---- during the faults

    async def _rounds(self, report: Report, began: float) -> None:
        while self._more(report.rounds, began):
            plan = round_of(self._options.seed, report.rounds, self._cluster.stores.layout)
            self._plan.update(repr(plan).encode())
            await self._round(plan)
            report.rounds += 1
            progress = f"round {report.rounds}: {len(self._ledger.accounts)} exports asked for, "
            progress += f"{len(self._scenarios)} scenarios open, {len(self._ledger.previews)} previews, "
            progress += f"{sum(self._faults.counts.values())} faults, {len(self._findings.all)} findings"
            self._print_line(progress)

    def _more(self, number: int, began: float) -> bool:
        if self._options.seconds is None:
            return number < self._options.rounds
        return time.monotonic() - began < self._options.seconds

    async def _round(self, plan: Round) -> None:
        """Run a round until only a few of its faults still last and only a few scenarios are open."""
        for place, scenario in enumerate(plan.scenarios):
            name = f"{self._options.seed}-{plan.number}-{place}"
            self._begin(scenario.at, self._callers.run(scenario, name), self._scenarios)
        for question in plan.previews:
            self._begin(question.at, self._previews.ask(question), self._scenarios)
        for misuse in plan.misuses:
            self._begin(misuse.at, self._misbehaving_worker.misuse(misuse), self._scenarios)
        for fault in plan.faults:
            self._begin(fault.at, self._inflict(plan.number, fault), self._active_faults)
        await asyncio.sleep(ROUND_S)  # the shortest round
        while len(self._active_faults) > _MAX_ACTIVE_FAULTS:
            await asyncio.wait(self._active_faults, return_when=asyncio.FIRST_COMPLETED)
        while len(self._scenarios) > _MAX_OPEN_SCENARIOS:
            await asyncio.wait(self._scenarios, return_when=asyncio.FIRST_COMPLETED)

    async def _inflict(self, number: int, fault: Fault) -> None:
        try:
            await self._faults.inflict(fault)
        except Exception as problem:  # noqa: BLE001 - such as a process that does not start again
            self._findings.add(Violation.UNEXPECTED, "", f"round {number}: {fault.kind.value}: {problem!r}")

    @staticmethod
    def _begin(at: float, what: Coroutine[Any, Any, object], among: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(_after(at, what))
        among.add(task)
        task.add_done_callback(among.discard)

    # ---- after the faults

    async def _heal(self) -> None:
        """Return when nothing is broken any more and every scenario has ended."""
        await asyncio.gather(*self._active_faults)
        await self._cluster.heal()
        try:
            async with asyncio.timeout(_QUIESCE_S):
                await asyncio.gather(*self._scenarios)
        except TimeoutError:
            self._findings.add(Violation.STRANDED, "", f"callers still wait {_QUIESCE_S:g} s after the last fault")


async def _clients(stack: AsyncExitStack, target: str) -> dict[str, ExportClient]:
    clients = {tenant: ExportClient(target, tenant, patience=CLIENT_PATIENCE) for tenant in TENANTS}
    return {tenant: await stack.enter_async_context(client) for tenant, client in clients.items()}


def _sources(file: Path) -> Sources:
    """Return the sources for misused leases, without Drafts.

    This process writes Drafts and must not read them; see Drafts.
    """
    return Sources({id_: settings for id_, settings in load(file).items() if id_ != "drafts"})


def _log_into(file: TextIO) -> None:
    """Log into a file. The misbehaving worker builds in this process, and its log lines belong there."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(file=file),
    )


async def _after(seconds: float, what: Coroutine[Any, Any, object]) -> None:
    await asyncio.sleep(seconds)  # as planned
    await what
