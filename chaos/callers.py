"""The callers: each runs its scenario, whatever breaks, and records what it is told."""

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress

from chaos.calls import file_bytes, final_state, with_retries
from chaos.cluster import Cluster
from chaos.findings import Findings, Violation
from chaos.ledger import Account
from chaos.operator_retry import Operator
from chaos.plan import RETRIED_ACTIONS, CallerAction, Scenario
from chaos.workload import DRAFTS, PASSWORD
from exportd_client import Export, ExportClient, FailedPrecondition, File, FileDamaged

LABEL = "chaos"

_MAX_DISCONNECTS = 4


class Callers:
    """Runs scenarios with `clients`, one per tenant. The ledger of the cluster records what they are told."""

    def __init__(self, clients: Mapping[str, ExportClient], cluster: Cluster, findings: Findings) -> None:
        self._clients = clients
        self._drafts = cluster.drafts
        self._receiver = cluster.receiver
        self._mail_server = cluster.mail_server
        self._ledger = cluster.ledger
        self._findings = findings
        self._operator = Operator(findings)

    async def run(self, scenario: Scenario, request_id: str) -> None:
        """Run a scenario from the creation of the export to the action.

        Anything that no fault excuses becomes a finding.
        """
        account = self._account(scenario, request_id)
        self._ledger.accounts.append(account)
        try:
            if scenario.collection == DRAFTS:
                await self._drafts.add(request_id)
            await asyncio.gather(*(self._create(account) for _ in range(scenario.callers)))
            await asyncio.sleep(scenario.after_s)  # as planned
            await self._act(account, random.Random(scenario.draw))
        except Exception as error:  # noqa: BLE001 - a caller that fails must not end the others
            self._findings.add(Violation.UNEXPECTED, account.id, f"{scenario.action.name}: {error!r}")

    def _account(self, scenario: Scenario, request_id: str) -> Account:
        account = Account(request_id, scenario, self._findings)
        account.callback_url = self._receiver.url(request_id) if scenario.callback else ""
        account.notify_email = self._mail_server.address(request_id) if scenario.mail else ""
        return account

    async def _create(self, account: Account) -> None:
        scenario, client = account.scenario, self._clients[account.scenario.tenant]
        export = await with_retries(
            lambda: client.create(
                type=scenario.collection,
                query=f"batch={account.request_id}" if scenario.collection == DRAFTS else "",
                format=scenario.format,
                packaging=scenario.packaging,
                file_types=scenario.file_types,
                password=PASSWORD if scenario.password else None,
                max_attempts=scenario.max_attempts,
                labels={LABEL: account.request_id},
                request_id=account.request_id,
                priority=scenario.priority,
                callback_url=account.callback_url,
                notify_email=account.notify_email,
            )
        )
        account.record_create(export)

    async def _act(self, account: Account, draw: random.Random) -> None:
        client = self._clients[account.scenario.tenant]
        match account.scenario.action:
            case CallerAction.DOWNLOAD | CallerAction.CUT_DOWNLOAD | CallerAction.RETRY:
                export = await self._final_state(client, account)
                await self._download(client, export, draw, cut=account.scenario.action is CallerAction.CUT_DOWNLOAD)
            case CallerAction.CANCEL:
                await self._cancel(client, account, only_if_queued=False)
            case CallerAction.CANCEL_QUEUED:
                await self._cancel(client, account, only_if_queued=True)
            case CallerAction.DELETE:
                await final_state(client, account)
                await self._delete(client, account)
            case CallerAction.ABANDON_WATCH:
                await self._abandon_watch(client, account, draw)
            case CallerAction.LEAVE:
                pass
        if account.scenario.lookup and not account.delete_confirmed:
            await self._look_up(client, account)

    async def _final_state(self, client: ExportClient, account: Account) -> Export:
        """Return the final state.

        If the export failed permanently, an operator retries it first; a draft is corrected before.
        """
        export = await final_state(client, account)
        if account.scenario.action is CallerAction.RETRY and export.state == Export.STATE_COMPLETED:
            self._findings.add(Violation.BAD_RETRY, export.id, "completed from a source that holds a wrong value")
        if account.scenario.action not in RETRIED_ACTIONS or export.state == Export.STATE_COMPLETED:
            return export
        if account.scenario.collection == DRAFTS:
            await self._drafts.correct(account.request_id)
        await self._operator.retry(client, account, export)
        return await final_state(client, account)

    async def _download(self, client: ExportClient, export: Export, draw: random.Random, *, cut: bool) -> None:
        for file in files_of(export):
            try:
                size = await (self._pieces(client, file, draw) if cut else self._whole(client, file))
            except FileDamaged as damaged:
                self._findings.add(Violation.BAD_SHA256, export.id, str(damaged))
            else:
                if size != file.size_bytes:
                    text = f"{file.filename}: {size} bytes instead of {file.size_bytes}"
                    self._findings.add(Violation.BAD_SHA256, export.id, text)

    @staticmethod
    async def _whole(client: ExportClient, file: File) -> int:
        return len(await with_retries(lambda: file_bytes(client, file)))

    @staticmethod
    async def _pieces(client: ExportClient, file: File, draw: random.Random) -> int:
        """Download in several pieces, like a caller whose own connection breaks."""
        size, offset = file.size_bytes, 0
        cuts = sorted(draw.sample(range(size), min(_MAX_DISCONNECTS, size)))
        for end in (*cuts, size):
            if end > offset:
                offset += len(await with_retries(lambda o=offset, e=end: file_bytes(client, file, o, e - o)))  # type: ignore[misc]
        return offset

    async def _cancel(self, client: ExportClient, account: Account, *, only_if_queued: bool) -> None:
        account.cancel_requested = True
        try:
            export = await with_retries(lambda: client.cancel(account.id, only_if_queued=only_if_queued))
        except FailedPrecondition as refused:
            if refused.reason not in ("ILLEGAL_TRANSITION", "NOT_QUEUED"):
                raise
        else:
            account.cancel_confirmed = True
            account.observe(export)

    async def _delete(self, client: ExportClient, account: Account) -> None:
        account.delete_requested = True
        await with_retries(lambda: client.delete(account.id))
        account.delete_confirmed = True

    async def _abandon_watch(self, client: ExportClient, account: Account, draw: random.Random) -> None:
        for _ in range(_MAX_DISCONNECTS):
            with suppress(TimeoutError):
                async with asyncio.timeout(draw.uniform(0, 1)):
                    await final_state(client, account)

    async def _look_up(self, client: ExportClient, account: Account) -> None:
        async def listed() -> list[str]:
            return [export.id async for export in client.list(labels={LABEL: account.request_id})]

        ids = await with_retries(listed)
        if ids != [account.id]:
            self._findings.add(Violation.LOST, account.id, f"the list of its label has {ids}")


def files_of(export: Export) -> list[File]:
    """Return the files of an export: the table, and separate attachments; none if there is nothing to download."""
    there = {"file": export.file, "attachments_file": export.attachments_file}
    return [file for name, file in there.items() if export.HasField(name)]  # type: ignore[arg-type]
