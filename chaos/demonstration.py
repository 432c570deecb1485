"""`python -m chaos.demonstration`: a cluster on this machine, a hundred exports, and a kill -9 of each kind of process.

PostgreSQL, an object store, two apis and three workers run as local processes. All of them are ended again, also after
Ctrl-C.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos import leftovers
from chaos.calls import CLIENT_PATIENCE, with_retries
from chaos.cluster import Cluster
from chaos.findings import Findings, Violation
from chaos.supervisor import Supervisor
from demo.processes import DidNotStart
from exportd_client import Export, ExportClient, ExportdError, FormatName, state_name

EXPORTS = 100
_MAX_OPEN = 24
"""How many exports are open at once: more than there are slots."""

_TENANT = "default"
_COLLECTIONS = ("Few", "Some", "Some", "Some")
_FORMATS: tuple[FormatName, ...] = ("csv", "xlsx", "jsonl", "parquet")
_DOWN_S = 0.5
"""Before a killed process is started again."""


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill -9 `at_s` seconds into the demonstration; the process served again `down_s` later."""

    what: str
    at_s: float
    down_s: float
    done: int
    """How many exports were done at that moment."""


@dataclass
class Demonstration:
    """What happened, for the table."""

    exports: int
    states: Counter[str] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    verified: int = 0
    kills: list[Kill] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether every export was completed and verified, and nothing is wrong."""
        return self.verified == self.states["COMPLETED"] == self.exports and not self.findings.all


async def demonstrate(folder: Path, exports: int, print_line: Callable[[str], None]) -> Demonstration:
    """Run everything below `folder`, which must not exist yet. Raises DidNotStart."""
    began = time.monotonic()
    async with Cluster(folder, shared=True) as cluster:
        print_line(f"2 apis, 3 workers, PostgreSQL and an object store after {time.monotonic() - began:.1f} s")
        outcome = Demonstration(exports)
        async with ExportClient(cluster.direct_target, _TENANT, patience=CLIENT_PATIENCE) as client:
            callers = Callers(client, outcome)
            killing = asyncio.create_task(_kill_each(cluster, callers, outcome, print_line))
            await callers.run()
            await killing
            await _check_list(client, outcome, callers.ids)
        await cluster.close_services()
        await asyncio.to_thread(_check_rows, cluster, outcome.findings)
    outcome.seconds = time.monotonic() - began
    return outcome


class Callers:
    """Ask for the exports, wait for each, download and verify it, whatever is killed meanwhile."""

    def __init__(self, client: ExportClient, outcome: Demonstration) -> None:
        self._client = client
        self._outcome = outcome
        self._slots = asyncio.Semaphore(_MAX_OPEN)
        self._news = asyncio.Condition()
        self.ids: set[str] = set()
        self.done = 0

    async def run(self) -> None:
        """Return when all are done."""
        await asyncio.gather(*(self._one(number) for number in range(self._outcome.exports)))

    async def until_done(self, count: int) -> None:
        """Wait until so many exports are done."""
        async with self._news:
            await self._news.wait_for(lambda: self.done >= count)

    async def _one(self, number: int) -> None:
        collection = _COLLECTIONS[number % len(_COLLECTIONS)]
        format_ = _FORMATS[number // len(_COLLECTIONS) % len(_FORMATS)]
        async with self._slots:
            export = await with_retries(
                lambda: self._client.create(
                    type=collection, format=format_, max_attempts=10, request_id=f"demonstration-{number}"
                )
            )
            self.ids.add(export.id)
            last = await with_retries(lambda: self._client.wait(export.id))
            self._outcome.states[state_name(last)] += 1
            self._outcome.attempts[last.attempt] += 1
            if last.state == Export.STATE_COMPLETED:
                await self._verify(last)
        async with self._news:
            self.done += 1
            self._news.notify_all()

    async def _verify(self, export: Export) -> None:
        """Download the file from the store; the client compares its size and its sha256 with those of the service."""
        with tempfile.TemporaryDirectory(prefix="exportd-demo-") as folder:
            try:
                path = Path(folder) / "file"
                await with_retries(lambda: self._client.download(export, path, direct=True))
            except ExportdError as bad:
                self._outcome.findings.add(Violation.BAD_SHA256, export.id, repr(bad))
            else:
                self._outcome.verified += 1


async def _kill_each(
    cluster: Cluster, callers: Callers, outcome: Demonstration, print_line: Callable[[str], None]
) -> None:
    """Kill one process of each kind, one after the other, while exports are built."""
    database, objects = cluster.stores.servers
    victims = {"an api": cluster.apis[0], "a worker": cluster.workers[0], "PostgreSQL": database, "the store": objects}
    began = time.monotonic()
    for number, (what, victim) in enumerate(victims.items(), start=1):
        await callers.until_done(number * outcome.exports // (len(victims) + 2))
        at, done = time.monotonic(), callers.done
        await _kill(victim)
        outcome.kills.append(Kill(what, at - began, time.monotonic() - at, done))
        print_line(f"killed {what} after {done} exports; it serves again after {time.monotonic() - at:.1f} s")


async def _kill(victim: Supervisor) -> None:
    await victim.serving()
    victim.kill(_DOWN_S)
    await victim.serving()


async def _check_list(client: ExportClient, outcome: Demonstration, ids: set[str]) -> None:
    """Each request has made one export, and it is there."""
    listed = [export.id async for export in client.list(page_size=500)]
    for lost in ids - set(listed):
        outcome.findings.add(Violation.LOST, lost, "was acknowledged and is not listed")
    for other in set(listed) - ids:
        outcome.findings.add(Violation.DOUBLED, other, "was made beside the export of its request")


def _check_rows(cluster: Cluster, findings: Findings) -> None:
    with cluster.stores.rows() as rows:
        leftovers.check_rows(rows, findings)
    leftovers.check_completions(sorted(cluster.logs.glob("worker-*.log")), findings)


def tables(outcome: Demonstration) -> Sequence[Table]:
    """Return what happened: the exports, and the kills."""
    counts, summary = outcome.findings.count(), Table(title="Exports")
    for heading in ("", "count"):
        summary.add_column(heading, justify="right" if heading else "left")
    for name, count in (
        ("exports", outcome.exports),
        *outcome.states.items(),
        ("with more than one attempt", sum(count for attempt, count in outcome.attempts.items() if attempt > 1)),
        ("lost", counts["lost"]),
        ("doubled", counts["doubled"]),
        ("sha256 verified", outcome.verified),
        ("anything else wrong", len(outcome.findings.all) - counts["lost"] - counts["doubled"]),
    ):
        summary.add_row(name, str(count))
    killed = Table(title="Killed with -9")
    for heading in ("process", "after seconds", "exports done", "served again after seconds"):
        killed.add_column(heading, justify="left" if heading == "process" else "right")
    for kill in outcome.kills:
        killed.add_row(kill.what, f"{kill.at_s:.1f}", str(kill.done), f"{kill.down_s:.1f}")
    return summary, killed


def main() -> None:
    """Run the demonstration. The exit status is 1 if something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m chaos.demonstration", description=__doc__)
    parser.add_argument("--exports", type=int, default=EXPORTS, help=f"default {EXPORTS}")
    exports = parser.parse_args().exports
    console = Console()
    signal.signal(
        signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT)
    )  # asyncio ends everything in order then
    with tempfile.TemporaryDirectory(prefix="exportd-cluster-") as folder:
        try:
            sys.exit(_shown(asyncio.run(demonstrate(Path(folder) / "cluster", exports, console.print)), console))
        except DidNotStart as problem:
            console.print(str(problem), markup=False)
            sys.exit(1)
        except KeyboardInterrupt:
            console.print("stopped; everything is ended")
            sys.exit(130)


def _shown(outcome: Demonstration, console: Console) -> int:
    for table in tables(outcome):
        console.print(table)
    for finding in outcome.findings.all:
        console.print(f"{finding.violation.value}: {finding.export_id} {finding.what}", markup=False)
    console.print(f"done in {outcome.seconds:.1f} s; everything is ended", highlight=False)
    return 0 if outcome.passed else 1


if __name__ == "__main__":
    main()
