"""What was promised against what is there, once everything is healed."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from chaos import workload
from chaos.callers import LABEL, fetched, patiently, watched
from chaos.ledger import Account, Findings, Wrong
from chaos.receiver import Receiver
from exportd_client import Export, ExportClient, ExportdError, NotFound

EXCUSED = frozenset({
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
    ended: Counter[str] = field(default_factory=Counter)
    """Exports by how they ended: COMPLETED, REQUESTED, RETRIES_EXHAUSTED, deleted."""
    failures: Counter[str] = field(default_factory=Counter)
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
        while time.monotonic() < until and not all(self.receiver.has_heard_of(account) for account in owed):  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # how often it is looked at

    async def everything(self) -> None:
        """Every export, its file, and the lists."""
        await asyncio.gather(*(self._limited(account) for account in self.accounts if account.id))
        for account in self.accounts:
            if account.id:
                self.receiver.judge(account, self.findings)
        for tenant in self.clients:
            await self._lists(tenant)

    async def _until_done(self, account: Account, within_s: float) -> None:
        client = self.clients[account.story.tenant]
        try:
            async with asyncio.timeout(within_s):
                await watched(client, account)
        except NotFound:
            return  # deleted, or lost: `everything` knows
        except TimeoutError:
            export = await client.get(account.id)
            state = f"{Export.State.Name(export.state)}, attempt {export.attempt}, version {export.version}"
            self.findings.add(Wrong.STRANDED, account.id, f"{state} after {within_s:g} s without a fault")

    async def _limited(self, account: Account) -> None:
        async with self._slots:
            try:
                await self._account(account)
            except ExportdError as error:
                self.findings.add(Wrong.UNEXPECTED, account.id, repr(error))

    async def _account(self, account: Account) -> None:
        client = self.clients[account.story.tenant]
        try:
            export = await patiently(lambda: client.get(account.id))
        except NotFound:
            self.ended["deleted"] += 1
            if not account.asked_delete:
                self.findings.add(Wrong.LOST, account.id, "was acknowledged and is not there")
            return
        if account.deleted:
            self.findings.add(Wrong.UNEXPECTED, account.id, "was deleted and is there")
        account.observe(export)
        self._excused(export)
        if account.callback and not export.result.callback_sent:
            self.findings.add(Wrong.NOTIFICATION_MISSING, export.id, "callback_sent is false")
        match export.state:
            case Export.COMPLETED:
                self.ended["COMPLETED"] += 1
                await self._file(client, account, export)
            case Export.CANCELLED:
                self._reason(account, export)

    def _excused(self, export: Export) -> None:
        for error in export.result.errors:
            self.failures[error.code] += 1
            if error.code not in EXCUSED:
                text = f"attempt {error.attempt}: {error.code}: {error.message}"
                self.findings.add(Wrong.UNEXPECTED, export.id, text)

    def _reason(self, account: Account, export: Export) -> None:
        reason = Export.CancelReason.Name(export.cancel_reason)
        self.ended[reason] += 1
        if reason == "NOT_RETRYABLE" or (reason == "REQUESTED" and not account.asked_cancel):
            self.findings.add(Wrong.UNEXPECTED, export.id, f"cancelled, {reason}, and nobody gave cause")
        if export.HasField("file"):
            self.findings.add(Wrong.UNEXPECTED, export.id, "cancelled, and has a file")

    async def _file(self, client: ExportClient, account: Account, export: Export) -> None:
        """Its bytes, their sha256, and every row."""
        try:
            data = await fetched(client, export)
        except ExportdError as error:
            self.findings.add(Wrong.BAD_SHA256, export.id, f"cannot be downloaded: {error!r}")
            return
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 != export.file.sha256:
            self.findings.add(Wrong.BAD_SHA256, export.id, f"sha256 {sha256} instead of {export.file.sha256}")
            return
        try:
            await asyncio.to_thread(self._content.check, data, export.file, account.story.collection)
        except workload.RowTwice as twice:
            self.findings.add(Wrong.DOUBLED, export.id, str(twice))
        except Exception as bad:  # noqa: BLE001 - whatever a reader says of it, it is not the file it should be
            self.findings.add(Wrong.BAD_SHA256, export.id, f"its content: {bad!r}")

    async def _lists(self, tenant: str) -> None:
        """Each request_id made one export, and each that is there is listed."""
        listed: dict[str, list[str]] = {}
        async for export in self.clients[tenant].list(page_size=500):
            listed.setdefault(export.labels[LABEL], []).append(export.id)
        for account in self.accounts:
            if account.story.tenant == tenant and account.id:
                self._listed(account, listed.get(account.request_id, []))

    def _listed(self, account: Account, ids: list[str]) -> None:
        if len(ids) > 1:
            self.findings.add(Wrong.LOST, account.id, f"request_id {account.request_id} made {ids}")
        elif ids != [account.id] and not account.asked_delete:
            self.findings.add(Wrong.LOST, account.id, f"was acknowledged and is not listed; in its place: {ids}")
