"""One run: rounds of stories and faults, then peace, then the checks."""

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
from chaos.callers import PATIENT, Callers
from chaos.checks import Checks
from chaos.cluster import House
from chaos.faults import Faults
from chaos.ledger import Findings, Wrong
from chaos.misbehaving_worker import Zombies, reader
from chaos.plan import ROUND_S, TENANTS, Fault, Round, round_of
from chaos.report import NEVER, Report, errors_in, lines_about
from exportd_client import ExportClient
from services.worker.sources.settings import load

_MOST_OPEN = 25
"""Stories that go on into the next round: more would only wait for workers that are dead half of the time."""

_MOST_LASTING = 2
"""Faults that go on into the next round."""

_QUIESCE_S = 180.0
_ANNOUNCED_S = 420.0
"""A callback whose second try failed, too, comes again after five minutes."""

_SWEPT_S = 20.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much: `rounds`, or as many as begin within `seconds` when that is not None."""

    seed: int
    rounds: int = 20
    seconds: float | None = None


async def run(wanted: Wanted, folder: Path, say: Say) -> Report:
    """Chaos below `folder`, which must not exist yet; `say` is told how it goes."""
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(House(folder))
        say(f"seed {wanted.seed}; full disks by {house.files.how}; everything below {folder}")
        return await Run(wanted, house, say).run()


class Run:
    """One run in a house that stands."""

    def __init__(self, wanted: Wanted, house: House, say: Say) -> None:
        self._wanted = wanted
        self._house = house
        self._say = say
        self._findings = Findings()
        self._faults = Faults(house)
        self._plan = hashlib.sha256()
        self._stories: set[asyncio.Task[None]] = set()
        self._lasting: set[asyncio.Task[None]] = set()

    async def run(self) -> Report:
        """Everything, in order."""
        report = Report(self._wanted.seed, "", self._house.files.how, findings=self._findings)
        async with AsyncExitStack() as stack:
            _log_into(stack.enter_context((self._house.logs / "zombies.log").open("w")))
            far = await self._clients(stack, self._house.target)
            near = await self._clients(stack, self._house.near)
            callers = Callers(far, self._findings, self._house.receiver)
            sources = await asyncio.to_thread(load, self._house.workload / "sources.toml")
            queue = f"127.0.0.1:{self._house.queue_port}"
            zombies = Zombies(queue, self._house.artifacts, sources, reader(near), self._findings)
            began = time.monotonic()
            report.rounds = await self._rounds(callers, zombies, began)
            report.seconds = time.monotonic() - began
            checks = await self._peace(report, callers, near)
            await self._judge(report, checks, zombies)
        report.plan = self._plan.hexdigest()
        report.inflicted, report.misdeeds = self._faults.inflicted, {m.name.lower(): n for m, n in zombies.done.items()}
        return report

    async def _clients(self, stack: AsyncExitStack, target: str) -> dict[str, ExportClient]:
        clients = {tenant: ExportClient(target, tenant, patience=PATIENT) for tenant in TENANTS}
        return {tenant: await stack.enter_async_context(client) for tenant, client in clients.items()}

    # ---- war

    async def _rounds(self, callers: Callers, zombies: Zombies, began: float) -> int:
        number = 0
        while self._more(number, began):
            plan = round_of(self._wanted.seed, number)
            self._plan.update(repr(plan).encode())
            await self._round(plan, callers, zombies)
            number += 1
            told = f"round {number}: {len(callers.accounts)} exports asked for, {len(self._stories)} stories open, "
            self._say(f"{told}{sum(self._faults.inflicted.values())} faults, {len(self._findings.all)} findings")
        return number

    def _more(self, number: int, began: float) -> bool:
        if self._wanted.seconds is None:
            return number < self._wanted.rounds
        return time.monotonic() - began < self._wanted.seconds

    async def _round(self, plan: Round, callers: Callers, zombies: Zombies) -> None:
        """Until not too many of its faults still last, and not too many stories are open."""
        for place, story in enumerate(plan.stories):
            name = f"{self._wanted.seed}-{plan.number}-{place}"
            self._begin(story.at, callers.live(story, name), self._stories)
        for misdeed in plan.misdeeds:
            self._begin(misdeed.at, zombies.commit(misdeed), self._stories)
        for fault in plan.faults:
            self._begin(fault.at, self._inflict(plan.number, fault), self._lasting)
        await asyncio.sleep(ROUND_S)  # the shortest round
        while len(self._lasting) > _MOST_LASTING:
            await asyncio.wait(self._lasting, return_when=asyncio.FIRST_COMPLETED)
        while len(self._stories) > _MOST_OPEN:
            await asyncio.wait(self._stories, return_when=asyncio.FIRST_COMPLETED)

    async def _inflict(self, number: int, fault: Fault) -> None:
        try:
            await self._faults.inflict(fault)
        except Exception as problem:  # noqa: BLE001 - such as a process that does not come back
            self._findings.add(Wrong.UNEXPECTED, "", f"round {number}: {fault.kind.value}: {problem!r}")

    @staticmethod
    def _begin(at: float, what: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(_after(at, what))
        among.add(task)
        task.add_done_callback(among.discard)

    # ---- peace

    async def _peace(self, report: Report, callers: Callers, near: dict[str, ExportClient]) -> Checks:
        began = time.monotonic()
        self._say("healing everything; waiting until every export is done")
        await asyncio.gather(*self._lasting)
        await self._house.heal()
        checks = Checks(near, callers.accounts, self._house.receiver, self._findings)
        try:
            async with asyncio.timeout(_QUIESCE_S):
                await asyncio.gather(*self._stories)
        except TimeoutError:
            self._findings.add(Wrong.STRANDED, "", f"callers still wait {_QUIESCE_S:g} s after the last fault")
        await checks.until_done(_QUIESCE_S)
        await checks.until_announced(_ANNOUNCED_S)
        report.quiesce_seconds = time.monotonic() - began
        return checks

    async def _judge(self, report: Report, checks: Checks, zombies: Zombies) -> None:
        self._say("checking every export and every file")
        logs = sorted(self._house.logs.glob("*.log"))
        sizes = {log: log.stat().st_size for log in logs}
        workers_logs = [log for log in logs if log.name.startswith("worker")]
        await checks.everything()
        leases = await asyncio.to_thread(stale_leases.leases_of, workers_logs)
        queue = f"127.0.0.1:{self._house.queue_port}"
        report.replayed_leases = await stale_leases.replay(queue, zombies.read, leases, zombies.taken, self._findings)
        await self._sweep()
        await self._house.close_services()
        await asyncio.to_thread(self._look_at_remains, workers_logs)
        for keeper in self._house.keepers:
            for surprise in keeper.surprises:
                self._findings.add(Wrong.UNEXPECTED, "", surprise)
        report.starts_without_room = sum(len(keeper.excused) for keeper in self._house.keepers)
        report.log_errors = errors_in(logs)
        for event in NEVER & report.log_errors.keys():
            self._findings.add(Wrong.UNEXPECTED, "", f"{report.log_errors[event]} x {event} in the logs")
        report.endings = Counter(line["outcome"] for line in stale_leases.attempts(workers_logs))
        report.lines = {found: lines_about(found.export_id, sizes) for found in self._findings.all}
        self._count(report, checks)

    async def _sweep(self) -> None:
        """Sweep without grace, until nothing is left or that takes too long."""
        await self._house.start_api_again(EXPORTD_SWEEP_GRACE_S="0", EXPORTD_SWEEP_INTERVAL_S="0.2")
        until = time.monotonic() + _SWEPT_S
        while time.monotonic() < until and len(await asyncio.to_thread(self._orphans)):  # noqa: ASYNC110
            await asyncio.sleep(0.2)  # the next sweep

    def _orphans(self) -> list[str]:
        return leftovers.orphans(self._house.artifacts, self._database)

    @property
    def _database(self) -> Path:
        return self._house.data / "exportd.sqlite3"

    def _look_at_remains(self, workers_logs: list[Path]) -> None:
        leftovers.check_rows(self._database, self._findings)
        leftovers.check_completions(workers_logs, self._findings)
        for key in self._orphans():
            self._findings.add(Wrong.ORPHAN_FILE, key.partition("/")[0], f"no export points at {key}")

    def _count(self, report: Report, checks: Checks) -> None:
        report.acknowledged = sum(bool(account.id) for account in checks.accounts)
        report.completed, report.cancelled = checks.ended["COMPLETED"], checks.ended["REQUESTED"]
        report.notifications = sum(bool(account.id and account.callback) for account in checks.accounts)
        report.failed_attempts = checks.failures
        report.exhausted, report.deleted = checks.ended["RETRIES_EXHAUSTED"], checks.ended["deleted"]


def _log_into(file: TextIO) -> None:
    """What zombies build, they build in this process; what they say of it belongs in a file."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(file=file),
    )


async def _after(seconds: float, what: Coroutine[Any, Any, None]) -> None:
    await asyncio.sleep(seconds)  # as the plan says
    await what
