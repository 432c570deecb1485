"""Compares what was promised with what is there, once everything is repaired."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from chaos.announcement_checks import check_announcements, is_announced
from chaos.callers import LABEL
from chaos.calls import final_state, with_retries
from chaos.file_checks import FileChecks
from chaos.findings import Findings, Violation
from chaos.ledger import Account, Ledger
from chaos.preview_checks import check_previews, unanswered
from chaos.previews import Previews
from chaos.retry_checks import check_retries, is_excused
from exportd_client import Delivery, Export, ExportClient, ExportdError, NotFound, name_of
from services.contract.codes import FailureCode

EXCUSED_FAILURES = frozenset({
    FailureCode.LEASE_EXPIRED, FailureCode.WORKER_CRASHED, FailureCode.DISK_FULL, FailureCode.STORE_UNAVAILABLE,
    FailureCode.NO_PROGRESS, FailureCode.RUN_TIMEOUT, FailureCode.SOURCE_UNAVAILABLE,
})  # fmt: skip
"""Failures of attempts that the faults explain. The misbehaving worker reports the last one."""

_MAX_AT_ONCE = 8
_PREVIEW_TIMEOUT_S = 30.0


class Checks:
    """Compares the `ledger` with the answers of the service. `clients`, one per tenant, have undisturbed connections.

    `end_counts` counts exports by their end: COMPLETED, REQUESTED, RETRIES_EXHAUSTED, deleted. `failure_counts` counts
    failed attempts by code.
    """

    def __init__(self, clients: Mapping[str, ExportClient], ledger: Ledger, findings: Findings) -> None:
        self.end_counts: Counter[str] = Counter()
        self.failure_counts: Counter[str] = Counter()
        self._clients = clients
        self._ledger = ledger
        self._findings = findings
        self._files = FileChecks(findings)
        self._slots = asyncio.Semaphore(_MAX_AT_ONCE)

    async def until_done(self, within_s: float) -> None:
        """Wait for every acknowledged export. An export that is not done in time is a finding."""
        await asyncio.gather(*(self._until_done(account, within_s) for account in self._ledger.acknowledged))

    async def until_announced(self, within_s: float) -> None:
        """Wait until every requested notification of an end has arrived, at most `within_s` seconds."""
        until = time.monotonic() + within_s
        for account in self._ledger.acknowledged:
            while time.monotonic() < until and not await self._is_announced(account):  # noqa: ASYNC110
                await asyncio.sleep(0.5)  # interval of the checks

    async def until_previewed(self) -> None:
        """Repeat the previews that were refused during the faults. Now they must be answered."""
        previews = Previews(self._clients, self._ledger)
        for question in unanswered(self._ledger.previews):
            await previews.ask_until_answered(question, _PREVIEW_TIMEOUT_S)

    async def run(self) -> None:
        """Check every export, its files, its notifications, the previews, and the lists."""
        await asyncio.gather(*(self._check_in_slot(account) for account in self._ledger.acknowledged))
        check_previews(self._ledger.previews, self._findings)
        for tenant in self._clients:
            await self._check_lists(tenant)

    async def _until_done(self, account: Account, within_s: float) -> None:
        client = self._clients[account.scenario.tenant]
        try:
            async with asyncio.timeout(within_s):
                await final_state(client, account)
        except NotFound:
            return  # deleted or lost: `run` decides
        except TimeoutError:
            export = await client.get(account.id)
            state = f"{name_of(Export.State, export.state)}, attempt {export.attempt}, version {export.version}"
            self._findings.add(Violation.STRANDED, account.id, f"{state} after {within_s:g} s without a fault")

    async def _is_announced(self, account: Account) -> bool:
        deliveries = await self._deliveries(account)
        pending = any(delivery.state == Delivery.STATE_PENDING for delivery in deliveries or ())
        return not pending and is_announced(account, self._ledger.announcements[account.request_id])

    async def _deliveries(self, account: Account) -> Sequence[Delivery] | None:
        """Return the deliveries of an export; None if it does not exist."""
        client = self._clients[account.scenario.tenant]
        try:
            return await with_retries(lambda: client.deliveries(account.id))
        except NotFound:
            return None

    async def _check_in_slot(self, account: Account) -> None:
        async with self._slots:
            try:
                await self._check_export(account)
                deliveries = await self._deliveries(account)
            except ExportdError as error:
                self._findings.add(Violation.UNEXPECTED, account.id, repr(error))
            else:
                announcements = self._ledger.announcements[account.request_id]
                check_announcements(account, announcements, deliveries, self._findings)

    async def _check_export(self, account: Account) -> None:
        client = self._clients[account.scenario.tenant]
        try:
            export = await with_retries(lambda: client.get(account.id))
        except NotFound:
            self.end_counts["deleted"] += 1
            if not account.delete_requested:
                self._findings.add(Violation.LOST, account.id, "was acknowledged and is not there")
            return
        if account.delete_confirmed:
            self._findings.add(Violation.UNEXPECTED, account.id, "was deleted and is there")
        account.observe(export)
        check_retries(account, export, await client.transitions(export.id), self._findings)
        self._check_failures(account, export)
        self._check_flags(account, export)
        if export.state == Export.STATE_COMPLETED:
            self.end_counts["COMPLETED"] += 1
            await self._files.check(client, export, account.scenario)
        if export.state == Export.STATE_CANCELLED:
            self._check_reason(account, export)

    def _check_failures(self, account: Account, export: Export) -> None:
        for error in export.result.errors:
            self.failure_counts[error.code] += 1
            if error.code not in EXCUSED_FAILURES and not is_excused(account, error.code, error.attempt):
                text = f"attempt {error.attempt}: {error.code}: {error.message}"
                self._findings.add(Violation.UNEXPECTED, export.id, text)

    def _check_flags(self, account: Account, export: Export) -> None:
        if account.callback_url and not export.result.callback_sent:
            self._findings.add(Violation.CALLBACK_MISSING, export.id, "callback_sent is false")
        if account.notify_email and not export.result.notify_email_sent:
            self._findings.add(Violation.MAIL_MISSING, export.id, "notify_email_sent is false")

    def _check_reason(self, account: Account, export: Export) -> None:
        reason = name_of(Export.CancelReason, export.cancel_reason)
        self.end_counts[reason] += 1
        if reason == "NOT_RETRYABLE" or (reason == "REQUESTED" and not account.cancel_requested):
            self._findings.add(Violation.UNEXPECTED, export.id, f"cancelled, {reason}, and nobody gave cause")
        if export.HasField("file") or export.HasField("attachments_file"):
            self._findings.add(Violation.UNEXPECTED, export.id, "cancelled, and has a file")

    async def _check_lists(self, tenant: str) -> None:
        """Check the lists: each request_id created one export, each existing export is listed, and no other one is."""
        listed: dict[str, list[str]] = {}
        async for export in self._clients[tenant].list(page_size=500):
            listed.setdefault(export.labels.get(LABEL, ""), []).append(export.id)
        for account in self._ledger.accounts:
            ids = listed.pop(account.request_id, []) if account.scenario.tenant == tenant else []
            if account.scenario.tenant == tenant and account.id:
                self._check_listed(account, ids)
        for request_id, ids in listed.items():
            self._findings.add(Violation.UNEXPECTED, ids[0], f"nobody asked for {request_id!r}, which made {ids}")

    def _check_listed(self, account: Account, ids: list[str]) -> None:
        if len(ids) > 1:
            self._findings.add(Violation.LOST, account.id, f"request_id {account.request_id} made {ids}")
        elif ids != [account.id] and not account.delete_requested:
            self._findings.add(Violation.LOST, account.id, f"was acknowledged and is not listed; in its place: {ids}")
