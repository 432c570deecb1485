"""The outcome of a run: build/chaos.json, a table, and log lines about the findings."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from chaos.findings import Finding, Findings
from chaos.ledger import Channel, Ledger
from chaos.plan import KILLS, FaultKind
from exportd_client import Export

_MAX_LOG_LINES = 12
_CHECKS_CALL = '"method": "ListDeliveries"'
"""A call that the checks repeat while they wait for notifications."""

FORBIDDEN_LOG_EVENTS = frozenset({
    "store_mismatch", "attempt_crashed", "completion_refused", "failure_refused", "job_unreadable",
    "password_unreadable",
})  # fmt: skip
"""Events of level error that no fault excuses: all processes have the same store, version and key."""


@dataclass
class Report:
    """The results of one run. `figures` returns what is written."""

    seed: int
    plan: str
    """The sha256 of the plan. Two runs with the same seed and number of rounds have the same one."""
    full_disk: str
    """How full disks were made: tmpfs or RLIMIT_FSIZE; none: no disk was full."""
    interrupted: bool = False
    """Whether the run was ended before its checks. The findings are those until then."""
    rounds: int = 0
    seconds: float = 0.0
    acknowledged: int = 0
    completed: int = 0
    cancelled: int = 0
    exhausted: int = 0
    deleted: int = 0
    excused_starts: int = 0
    """How many processes did not start because something they need was broken, and were started again."""
    replayed_leases: int = 0
    features: Mapping[str, int] = field(default_factory=dict)
    """See `features`."""
    quiesce_seconds: float = 0.0
    fault_counts: Mapping[FaultKind, int] = field(default_factory=dict)
    misuses: Mapping[str, int] = field(default_factory=dict)
    failed_attempts: Mapping[str, int] = field(default_factory=dict)
    attempt_outcomes: Mapping[str, int] = field(default_factory=dict)
    """How attempts ended, as far as the workers' logs show."""
    findings: Findings = field(default_factory=Findings)
    log_lines: Mapping[Finding, list[str]] = field(default_factory=dict)
    """The log lines about the export of each finding, without those that the checks themselves caused."""
    log_errors: Mapping[str, int] = field(default_factory=dict)
    """The number of log lines of level error, by event. They are for information only."""

    @property
    def passed(self) -> bool:
        """Whether the run was not interrupted, and nothing was found."""
        return not self.interrupted and not self.findings.all

    @property
    def kills(self) -> int:
        """How many processes were killed with kill -9."""
        return sum(self.fault_counts.get(kind, 0) for kind in KILLS)

    def figures(self) -> dict[str, Any]:
        """Return the content of build/chaos.json."""
        return {
            "seed": self.seed,
            "plan_sha256": self.plan,
            "interrupted": self.interrupted,
            "rounds": self.rounds,
            "seconds": round(self.seconds, 1),
            "quiesce_seconds": round(self.quiesce_seconds, 1),
            "full_disk": self.full_disk,
            "kills": self.kills,
            "kills_by_kind": {kind.name.lower(): self.fault_counts.get(kind, 0) for kind in KILLS},
            "faults": {kind.name.lower(): self.fault_counts.get(kind, 0) for kind in FaultKind if kind not in KILLS},
            "lease_misuses": dict(self.misuses),
            "failed_attempts": dict(self.failed_attempts),
            "attempt_outcomes": dict(self.attempt_outcomes),
            "acknowledged": self.acknowledged,
            "completed": self.completed,
            "cancelled": self.cancelled,
            "exhausted": self.exhausted,
            "deleted": self.deleted,
            "excused_starts": self.excused_starts,
            "replayed_leases": self.replayed_leases,
            **self.features,
            **self.findings.count(),
            "findings": [_finding(finding) for finding in self.findings.all],
            "log_errors": dict(self.log_errors),
        }


def features(ledger: Ledger) -> dict[str, int]:
    """Return how often each feature was checked.

    The features are kinds of completed exports, notifications, previews, and operators' retries.
    """
    acknowledged = ledger.acknowledged
    completed = [each.scenario for each in acknowledged if each.last and each.last.state == Export.STATE_COMPLETED]
    told = [announcement for each in ledger.announcements.values() for announcement in each]
    return {
        "separate_exports": sum(scenario.separate for scenario in completed),
        "exports_with_attachments": sum(bool(scenario.file_types) for scenario in completed),
        "encrypted_exports": sum(scenario.password for scenario in completed),
        "callbacks": sum(each.channel is Channel.CALLBACK for each in told),
        "mails": sum(each.channel is Channel.EMAIL for each in told),
        "previews_answered": sum(record.rows is not None for record in ledger.previews),
        "previews_refused": sum(record.rows is None for record in ledger.previews),
        "operator_retries": sum(each.retries_confirmed for each in acknowledged),
    }


def write(report: Report, path: Path) -> None:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report.figures(), indent=2) + "\n")


def show(report: Report, console: Console) -> None:
    """Print a table of the figures, and below it the findings, each with the log lines about its export."""
    figures = report.figures()
    table = Table(title=f"chaos, seed {report.seed}", show_header=False)
    for name in ("rounds", "seconds", "quiesce_seconds", "kills", "acknowledged", "completed", "cancelled", "exhausted",
                 "deleted", "replayed_leases", *report.features, *report.findings.count()):  # fmt: skip
        table.add_row(name, str(figures[name]))
    console.print(table)
    for title, counts in (
        ("faults", {kind.value: count for kind, count in report.fault_counts.items()}),
        ("misused leases", report.misuses),
        ("failed attempts", report.failed_attempts),
        ("outcomes of attempts", report.attempt_outcomes),
    ):
        console.print(f"{title}: {', '.join(f'{count} x {name}' for name, count in counts.items())}", highlight=False)
    for finding in report.findings.all:
        console.print(f"\n{finding.violation.value}: {finding.export_id} {finding.what}", markup=False, soft_wrap=True)
        for line in report.log_lines.get(finding, []):
            console.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)


def errors_in(logs: list[Path]) -> Counter[str]:
    """Return how often each event of level error is in the logs."""
    counts: Counter[str] = Counter()
    for log in logs:
        with log.open() as lines:
            counts.update(_event(line) for line in lines if '"level": "error"' in line)
    return counts


def _event(line: str) -> str:
    try:
        return str(json.loads(line)["event"])
    except (ValueError, KeyError):  # the line was cut by a kill
        return "unreadable"


def _finding(finding: Finding) -> dict[str, str]:
    return {"violation": finding.violation.value, "export_id": finding.export_id, "what": finding.what}


def lines_about(export_id: str, logs: Mapping[Path, int]) -> list[str]:
    """Return the last lines that name an export, from the first bytes of each log, whose number is given."""
    return [line for log, size in logs.items() for line in _last_lines(log, size, export_id)] if export_id else []


def _last_lines(log: Path, size: int, export_id: str) -> list[str]:
    with log.open("rb") as content:
        lines = content.read(size).decode(errors="replace").splitlines()
    about = [line for line in lines if export_id in line and _CHECKS_CALL not in line]
    return [f"{log.name}: {line[:400]}" for line in about[-_MAX_LOG_LINES:]]
