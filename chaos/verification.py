"""The final checks: first the answers of the services, then what they leave on the disks."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from chaos import leftovers, stale_leases
from chaos.checks import Checks
from chaos.cluster import Cluster
from chaos.findings import Findings, Violation
from chaos.ledger import Ledger
from chaos.misbehaving_worker import MisbehavingWorker
from chaos.report import FORBIDDEN_LOG_EVENTS, Report, errors_in, features, lines_about
from exportd_client import ExportClient

_QUIESCE_S = 180.0
_ANNOUNCEMENT_TIMEOUT_S = 420.0
"""A notification whose second attempt failed, too, is attempted again after five minutes."""

_SWEEP_TIMEOUT_S = 20.0


class Verification:
    """Checks a `cluster` in which nothing is broken any more. `clients` have direct connections to its api."""

    def __init__(
        self,
        cluster: Cluster,
        ledger: Ledger,
        findings: Findings,
        clients: Mapping[str, ExportClient],
        misbehaving_worker: MisbehavingWorker,
    ) -> None:
        self._cluster = cluster
        self._ledger = ledger
        self._findings = findings
        self._misbehaving_worker = misbehaving_worker
        self._checks = Checks(clients, ledger, findings)

    async def wait(self) -> None:
        """Wait until every export is done, each end is announced, and each preview is answered. Delays are findings."""
        await self._checks.until_done(_QUIESCE_S)
        await self._checks.until_announced(_ANNOUNCEMENT_TIMEOUT_S)
        await self._checks.until_previewed()

    async def check(self, report: Report) -> None:
        """Check everything. The services are closed during this."""
        logs = sorted(self._cluster.logs.glob("*.log"))
        sizes = {log: log.stat().st_size for log in logs}
        workers_logs = [log for log in logs if log.name.startswith("worker")]
        await self._checks.run()
        report.replayed_leases = await self._replay(workers_logs)
        await self._sweep()
        await self._cluster.close_services()
        await asyncio.to_thread(self._check_leftovers, workers_logs)
        self._check_processes(report)
        self._check_logs(report, logs)
        report.attempt_outcomes = Counter(line["outcome"] for line in stale_leases.attempts(workers_logs))
        report.log_lines = {finding: lines_about(finding.export_id, sizes) for finding in self._findings.all}
        self._count(report)

    async def _replay(self, workers_logs: list[Path]) -> int:
        leases = await asyncio.to_thread(stale_leases.leases_of, workers_logs)
        worker = self._misbehaving_worker
        return await stale_leases.replay(
            self._cluster.queue_address, worker.read, leases, worker.leases, self._findings
        )

    async def _sweep(self) -> None:
        """Sweep without grace time, until nothing is left or a timeout."""
        await self._cluster.start_apis_again(EXPORTD_SWEEP_GRACE_S="0", EXPORTD_SWEEP_INTERVAL_S="0.2")
        until = time.monotonic() + _SWEEP_TIMEOUT_S
        while time.monotonic() < until and len(await asyncio.to_thread(self._orphans)):  # noqa: ASYNC110
            await asyncio.sleep(0.2)  # the next sweep

    def _orphans(self) -> list[str]:
        with self._cluster.stores.rows() as rows:
            return leftovers.orphans(self._cluster.stores.keys(), rows)

    def _check_leftovers(self, workers_logs: list[Path]) -> None:
        with self._cluster.stores.rows() as rows:
            leftovers.check_rows(rows, self._findings)
        leftovers.check_completions(workers_logs, self._findings)
        for key in self._orphans():
            self._findings.add(Violation.ORPHAN_FILE, key.partition("/")[0], f"no export points at {key}")

    def _check_processes(self, report: Report) -> None:
        for supervisor in self._cluster.supervisors:
            for unexpected_exit in supervisor.unexpected_exits:
                self._findings.add(Violation.UNEXPECTED, "", unexpected_exit)
            report.excused_starts += len(supervisor.excused_starts)

    def _check_logs(self, report: Report, logs: list[Path]) -> None:
        report.log_errors = errors_in(logs)
        for event in FORBIDDEN_LOG_EVENTS & report.log_errors.keys():
            self._findings.add(Violation.UNEXPECTED, "", f"{report.log_errors[event]} x {event} in the logs")
        places = [*logs, *self._cluster.stores.places()]
        for place in leftovers.passwords_in(places):
            self._findings.add(Violation.BAD_ENCRYPTION, "", f"the password stands in {place.name}")

    def _count(self, report: Report) -> None:
        ends = self._checks.end_counts
        report.acknowledged = len(self._ledger.acknowledged)
        report.completed, report.cancelled = ends["COMPLETED"], ends["REQUESTED"]
        report.exhausted, report.deleted = ends["RETRIES_EXHAUSTED"], ends["deleted"]
        report.failed_attempts = self._checks.failure_counts
        report.features = features(self._ledger)
