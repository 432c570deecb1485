"""What was promised against what is there, once everything is healed."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from chaos import workload
from chaos.callers import LABEL, file_bytes, final_state, with_retries
from chaos.ledger import Account, Findings, Violation
from chaos.receiver import Receiver
from exportd_client import Export, ExportClient, ExportdError, NotFound

EXCUSED_FAILURES = frozenset({
    "LEASE_EXPIRED", "WORKER_CRASHED", "DISK_FULL", "STORE_UNAVAILABLE", "NO_PROGRESS", "RUN_TIMEOUT",
    "SOURCE_UNAVAILABLE",
})  # fmt: skip
"""Failures of attempts that the faults explain; the last one is what a worker that behaves badly says."""

_AT_ONCE = 8


@dataclass
class Checks:
    """Compares `accounts` with what the service says over `clients`, one a tenant, whose lines are whole."""

    clients: Mapping[str, ExportClient]
    accounts: list[Account]
    receiver: Receiver
    findings: Findings
    end_counts: Counter[str] = field(default_factory=Counter)
    """Exports by how they ended: COMPLETED, REQUESTED, RETRIES_EXHAUSTED, deleted."""
    failure_counts: Counter[str] = field(default_factory=Counter)
    """Attempts that failed, by code."""

    def __post_init__(self) -> None:
        self._content = workload.Content()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def until_done(self, within_s: float) -> None:
        """Wait for every export that was acknowledged; those that are not done then are stranded."""
        await asyncio.gather(*(self._until_done(account, within_s) for account in self.accounts if account.id))

    async def until_announced(self, within_s: float) -> None:
        """Wait until every end that somebody wants to hear of has been announced, but no longer than that."""
        until = time.monotonic() + within_s
        owed = [account for account in self.accounts if account.id and account.callback]
        while time.monotonic() < until and not all(self.receiver.has_call_about(account) for account in owed):  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # how often it is looked at

    async def run(self) -> None:
        """Every export, its file, and the lists."""
        await asyncio.gather(*(self._check_export_in_slot(account) for account in self.accounts if account.id))
        for account in self.accounts:
            if account.id:
                self.receiver.check(account, self.findings)
        for tenant in self.clients:
            await self._check_lists(tenant)

    async def _until_done(self, account: Account, within_s: float) -> None:
        client = self.clients[account.scenario.tenant]
        try:
            async with asyncio.timeout(within_s):
                await final_state(client, account)
        except NotFound:
            return  # deleted, or lost: `run` knows
        except TimeoutError:
            export = await client.get(account.id)
            state = f"{Export.State.Name(export.state)}, attempt {export.attempt}, version {export.version}"
            self.findings.add(Violation.STRANDED, account.id, f"{state} after {within_s:g} s without a fault")

    async def _check_export_in_slot(self, account: Account) -> None:
        async with self._slots:
            try:
                await self._account(account)
            except ExportdError as error:
                self.findings.add(Violation.UNEXPECTED, account.id, repr(error))

    async def _account(self, account: Account) -> None:
        client = self.clients[account.scenario.tenant]
        try:
            export = await with_retries(lambda: client.get(account.id))
        except NotFound:
            self.end_counts["deleted"] += 1
            if not account.delete_requested:
                self.findings.add(Violation.LOST, account.id, "was acknowledged and is not there")
            return
        if account.delete_confirmed:
            self.findings.add(Violation.UNEXPECTED, account.id, "was deleted and is there")
        account.observe(export)
        self._check_failures(export)
        if account.callback and not export.result.callback_sent:
            self.findings.add(Violation.NOTIFICATION_MISSING, export.id, "callback_sent is false")
        match export.state:
            case Export.COMPLETED:
                self.end_counts["COMPLETED"] += 1
                await self._check_file(client, account, export)
            case Export.CANCELLED:
                self._check_reason(account, export)

    def _check_failures(self, export: Export) -> None:
        for error in export.result.errors:
            self.failure_counts[error.code] += 1
            if error.code not in EXCUSED_FAILURES:
                text = f"attempt {error.attempt}: {error.code}: {error.message}"
                self.findings.add(Violation.UNEXPECTED, export.id, text)

    def _check_reason(self, account: Account, export: Export) -> None:
        reason = Export.CancelReason.Name(export.cancel_reason)
        self.end_counts[reason] += 1
        if reason == "NOT_RETRYABLE" or (reason == "REQUESTED" and not account.cancel_requested):
            self.findings.add(Violation.UNEXPECTED, export.id, f"cancelled, {reason}, and nobody gave cause")
        if export.HasField("file"):
            self.findings.add(Violation.UNEXPECTED, export.id, "cancelled, and has a file")

    async def _check_file(self, client: ExportClient, account: Account, export: Export) -> None:
        """Its bytes, their sha256, and every row."""
        try:
            data = await file_bytes(client, export)
        except ExportdError as error:
            self.findings.add(Violation.BAD_SHA256, export.id, f"cannot be downloaded: {error!r}")
            return
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 != export.file.sha256:
            self.findings.add(Violation.BAD_SHA256, export.id, f"sha256 {sha256} instead of {export.file.sha256}")
            return
        try:
            await asyncio.to_thread(self._content.check, data, export.file, account.scenario.collection)
        except workload.DuplicateRow as twice:
            self.findings.add(Violation.DOUBLED, export.id, str(twice))
        except Exception as bad:  # noqa: BLE001 - whatever a reader says of it, it is not the file it should be
            self.findings.add(Violation.BAD_SHA256, export.id, f"its content: {bad!r}")

    async def _check_lists(self, tenant: str) -> None:
        """Each request_id made one export, and each that is there is listed."""
        listed: dict[str, list[str]] = {}
        async for export in self.clients[tenant].list(page_size=500):
            listed.setdefault(export.labels[LABEL], []).append(export.id)
        for account in self.accounts:
            if account.scenario.tenant == tenant and account.id:
                self._check_listed(account, listed.get(account.request_id, []))

    def _check_listed(self, account: Account, ids: list[str]) -> None:
        if len(ids) > 1:
            self.findings.add(Violation.LOST, account.id, f"request_id {account.request_id} made {ids}")
        elif ids != [account.id] and not account.delete_requested:
            self.findings.add(Violation.LOST, account.id, f"was acknowledged and is not listed; in its place: {ids}")
