"""One run: rounds of scenarios and faults, then rest, then the checks."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import structlog

from chaos import leftovers, stale_leases
from chaos.callers import CLIENT_PATIENCE, Callers
from chaos.checks import Checks
from chaos.cluster import Cluster
from chaos.faults import Faults
from chaos.ledger import Findings, Violation
from chaos.misbehaving_worker import MisbehavingWorker, export_reader
from chaos.plan import ROUND_S, TENANTS, Fault, Round, round_of
from chaos.report import FORBIDDEN_LOG_EVENTS, Report, errors_in, lines_about
from exportd_client import ExportClient
from services.worker.sources.settings import load

_MAX_OPEN_SCENARIOS = 25
"""Stories that go on into the next round: more would only wait for workers that are dead half of the time."""

_MAX_ACTIVE_FAULTS = 2
"""Faults that go on into the next round."""

_QUIESCE_S = 180.0
_ANNOUNCEMENT_TIMEOUT_S = 420.0
"""A callback whose second try failed, too, comes again after five minutes."""

_SWEEP_TIMEOUT_S = 20.0

PrintLine = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How much: `rounds`, or as many as begin within `seconds` when that is not None."""

    seed: int
    rounds: int = 20
    seconds: float | None = None


async def run(options: RunOptions, folder: Path, print_line: PrintLine) -> Report:
    """Chaos below `folder`, which must not exist yet; `print_line` is told how it goes."""
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(Cluster(folder))
        print_line(f"seed {options.seed}; full disks by {cluster.files.method}; everything below {folder}")
        return await Run(options, cluster, print_line).run()


class Run:
    """One run in a cluster that runs."""

    def __init__(self, options: RunOptions, cluster: Cluster, print_line: PrintLine) -> None:
        self._options = options
        self._cluster = cluster
        self._print_line = print_line
        self._findings = Findings()
        self._faults = Faults(cluster)
        self._plan = hashlib.sha256()
        self._scenarios: set[asyncio.Task[None]] = set()
        self._active_faults: set[asyncio.Task[None]] = set()

    async def run(self) -> Report:
        """Everything, in order."""
        report = Report(self._options.seed, "", self._cluster.files.method, findings=self._findings)
        async with AsyncExitStack() as stack:
            _log_into(stack.enter_context((self._cluster.logs / "misbehaving-worker.log").open("w")))
            proxied = await self._clients(stack, self._cluster.proxied_target)
            direct = await self._clients(stack, self._cluster.direct_target)
            callers = Callers(proxied, self._findings, self._cluster.receiver)
            sources = await asyncio.to_thread(load, self._cluster.workload / "sources.toml")
            queue = f"127.0.0.1:{self._cluster.queue_port}"
            misbehaving_worker = MisbehavingWorker(
                queue, self._cluster.artifacts, sources, export_reader(direct), self._findings
            )
            began = time.monotonic()
            report.rounds = await self._rounds(callers, misbehaving_worker, began)
            report.seconds = time.monotonic() - began
            checks = await self._quiesce(report, callers, direct)
            await self._check(report, checks, misbehaving_worker)
        report.plan = self._plan.hexdigest()
        report.fault_counts, report.misuses = (
            self._faults.counts,
            {m.name.lower(): n for m, n in misbehaving_worker.counts.items()},
        )
        return report

    async def _clients(self, stack: AsyncExitStack, target: str) -> dict[str, ExportClient]:
        clients = {tenant: ExportClient(target, tenant, patience=CLIENT_PATIENCE) for tenant in TENANTS}
        return {tenant: await stack.enter_async_context(client) for tenant, client in clients.items()}

    # ---- under fire

    async def _rounds(self, callers: Callers, misbehaving_worker: MisbehavingWorker, began: float) -> int:
        number = 0
        while self._more(number, began):
            plan = round_of(self._options.seed, number)
            self._plan.update(repr(plan).encode())
            await self._round(plan, callers, misbehaving_worker)
            number += 1
            told = f"round {number}: {len(callers.accounts)} exports asked for, {len(self._scenarios)} scenarios open, "
            self._print_line(f"{told}{sum(self._faults.counts.values())} faults, {len(self._findings.all)} findings")
        return number

    def _more(self, number: int, began: float) -> bool:
        if self._options.seconds is None:
            return number < self._options.rounds
        return time.monotonic() - began < self._options.seconds

    async def _round(self, plan: Round, callers: Callers, misbehaving_worker: MisbehavingWorker) -> None:
        """Until not too many of its faults still last, and not too many scenarios are open."""
        for place, scenario in enumerate(plan.scenarios):
            name = f"{self._options.seed}-{plan.number}-{place}"
            self._begin(scenario.at, callers.run(scenario, name), self._scenarios)
        for misuse in plan.misuses:
            self._begin(misuse.at, misbehaving_worker.misuse(misuse), self._scenarios)
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
        except Exception as problem:  # noqa: BLE001 - such as a process that does not come back
            self._findings.add(Violation.UNEXPECTED, "", f"round {number}: {fault.kind.value}: {problem!r}")

    @staticmethod
    def _begin(at: float, what: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(_after(at, what))
        among.add(task)
        task.add_done_callback(among.discard)

    # ---- at rest

    async def _quiesce(self, report: Report, callers: Callers, direct: dict[str, ExportClient]) -> Checks:
        began = time.monotonic()
        self._print_line("healing everything; waiting until every export is done")
        await asyncio.gather(*self._active_faults)
        await self._cluster.heal()
        checks = Checks(direct, callers.accounts, self._cluster.receiver, self._findings)
        try:
            async with asyncio.timeout(_QUIESCE_S):
                await asyncio.gather(*self._scenarios)
        except TimeoutError:
            self._findings.add(Violation.STRANDED, "", f"callers still wait {_QUIESCE_S:g} s after the last fault")
        await checks.until_done(_QUIESCE_S)
        await checks.until_announced(_ANNOUNCEMENT_TIMEOUT_S)
        report.quiesce_seconds = time.monotonic() - began
        return checks

    async def _check(self, report: Report, checks: Checks, misbehaving_worker: MisbehavingWorker) -> None:
        self._print_line("checking every export and every file")
        logs = sorted(self._cluster.logs.glob("*.log"))
        sizes = {log: log.stat().st_size for log in logs}
        workers_logs = [log for log in logs if log.name.startswith("worker")]
        await checks.run()
        leases = await asyncio.to_thread(stale_leases.leases_of, workers_logs)
        queue = f"127.0.0.1:{self._cluster.queue_port}"
        report.replayed_leases = await stale_leases.replay(
            queue, misbehaving_worker.read, leases, misbehaving_worker.leases, self._findings
        )
        await self._sweep()
        await self._cluster.close_services()
        await asyncio.to_thread(self._check_leftovers, workers_logs)
        for supervisor in self._cluster.supervisors:
            for unexpected_exit in supervisor.unexpected_exits:
                self._findings.add(Violation.UNEXPECTED, "", unexpected_exit)
        report.starts_without_room = sum(
            len(supervisor.starts_without_room) for supervisor in self._cluster.supervisors
        )
        report.log_errors = errors_in(logs)
        for event in FORBIDDEN_LOG_EVENTS & report.log_errors.keys():
            self._findings.add(Violation.UNEXPECTED, "", f"{report.log_errors[event]} x {event} in the logs")
        report.attempt_outcomes = Counter(line["outcome"] for line in stale_leases.attempts(workers_logs))
        report.log_lines = {found: lines_about(found.export_id, sizes) for found in self._findings.all}
        self._count(report, checks)

    async def _sweep(self) -> None:
        """Sweep without grace, until nothing is left or that takes too long."""
        await self._cluster.start_api_again(EXPORTD_SWEEP_GRACE_S="0", EXPORTD_SWEEP_INTERVAL_S="0.2")
        until = time.monotonic() + _SWEEP_TIMEOUT_S
        while time.monotonic() < until and len(await asyncio.to_thread(self._orphans)):  # noqa: ASYNC110
            await asyncio.sleep(0.2)  # the next sweep

    def _orphans(self) -> list[str]:
        return leftovers.orphans(self._cluster.artifacts, self._database)

    @property
    def _database(self) -> Path:
        return self._cluster.data / "exportd.sqlite3"

    def _check_leftovers(self, workers_logs: list[Path]) -> None:
        leftovers.check_rows(self._database, self._findings)
        leftovers.check_completions(workers_logs, self._findings)
        for key in self._orphans():
            self._findings.add(Violation.ORPHAN_FILE, key.partition("/")[0], f"no export points at {key}")

    def _count(self, report: Report, checks: Checks) -> None:
        report.acknowledged = sum(bool(account.id) for account in checks.accounts)
        report.completed, report.cancelled = checks.end_counts["COMPLETED"], checks.end_counts["REQUESTED"]
        report.notifications = sum(bool(account.id and account.callback) for account in checks.accounts)
        report.failed_attempts = checks.failure_counts
        report.exhausted, report.deleted = checks.end_counts["RETRIES_EXHAUSTED"], checks.end_counts["deleted"]


def _log_into(file: TextIO) -> None:
    """What the misbehaving worker builds, it builds in this process; what it logs belongs in a file."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(file=file),
    )


async def _after(seconds: float, what: Coroutine[Any, Any, None]) -> None:
    await asyncio.sleep(seconds)  # as the plan says
    await what
