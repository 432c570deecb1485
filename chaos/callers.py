"""Callers: each goes through its scenario, whatever breaks, and writes down what it was told."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import TypeVar

from chaos import workload
from chaos.ledger import Account, Findings, Violation
from chaos.plan import CallerAction, Scenario
from chaos.receiver import Receiver
from exportd_client import (
    Exhausted,
    Export,
    ExportClient,
    FailedPrecondition,
    FileDamaged,
    Patience,
    Unavailable,
)

Answer = TypeVar("Answer")

CLIENT_PATIENCE = Patience(first_contact=60, outage=60, shortest=0.05, longest=1)
LABEL = "chaos"
_RETRY_TIMEOUT_S = 300.0
"""How long one thing is tried again. Nothing in the plan lasts so long."""

_MAX_DISCONNECTS = 4


class Callers:
    """Go through scenarios over `clients`, one a tenant; `accounts` is what they were told."""

    def __init__(self, clients: Mapping[str, ExportClient], findings: Findings, receiver: Receiver) -> None:
        self.accounts: list[Account] = []
        self._clients = clients
        self._findings = findings
        self._receiver = receiver

    async def run(self, scenario: Scenario, request_id: str) -> None:
        """From the create to the action. Whatever no fault excuses becomes a finding."""
        account = Account(request_id, scenario, self._findings)
        self.accounts.append(account)
        try:
            await asyncio.gather(*(self._create(account) for _ in range(scenario.callers)))
            await asyncio.sleep(scenario.after_s)  # as the plan says
            await self._act(account, random.Random(scenario.draw))
        except Exception as error:  # noqa: BLE001 - a caller that fails must not end the others
            self._findings.add(Violation.UNEXPECTED, account.id, f"{scenario.action.name}: {error!r}")

    async def _create(self, account: Account) -> None:
        scenario, client = account.scenario, self._clients[account.scenario.tenant]
        account.callback = self._receiver.url(account.request_id) if scenario.notified else ""
        export = await with_retries(
            lambda: client.create(
                type=scenario.collection,
                format=scenario.format,
                packaging=scenario.packaging,
                password=workload.PASSWORD if scenario.password else None,
                max_attempts=scenario.max_attempts,
                labels={LABEL: account.request_id},
                request_id=account.request_id,
                priority=scenario.priority,
                callback_url=account.callback,
            )
        )
        account.record_create(export)

    async def _act(self, account: Account, draw: random.Random) -> None:
        client = self._clients[account.scenario.tenant]
        match account.scenario.action:
            case CallerAction.DOWNLOAD:
                await self._download(client, await final_state(client, account))
            case CallerAction.CUT_DOWNLOAD:
                await self._download_in_pieces(client, await final_state(client, account), draw)
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
        if account.scenario.listed and not account.delete_confirmed:
            await self._look_up(client, account)

    async def _download(self, client: ExportClient, export: Export) -> None:
        if export.state != Export.COMPLETED:
            return
        try:
            data = await with_retries(lambda: file_bytes(client, export))
        except FileDamaged as damaged:
            self._findings.add(Violation.BAD_SHA256, export.id, str(damaged))
        else:
            self._check_size(export, data)

    async def _download_in_pieces(self, client: ExportClient, export: Export, draw: random.Random) -> None:
        """Leave in the middle and go on there, as callers do whose own line breaks."""
        if export.state != Export.COMPLETED:
            return
        size, data = export.file.size_bytes, b""
        cuts = sorted(draw.sample(range(size), min(_MAX_DISCONNECTS, size)))
        for end in (*cuts, size):
            offset = len(data)
            if end > offset:
                data += await with_retries(lambda o=offset, e=end: file_bytes(client, export, o, e - o))  # type: ignore[misc]
        self._check_size(export, data)

    def _check_size(self, export: Export, data: bytes) -> None:
        if len(data) != export.file.size_bytes:
            self._findings.add(
                Violation.BAD_SHA256, export.id, f"{len(data)} bytes instead of {export.file.size_bytes}"
            )

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


async def final_state(client: ExportClient, account: Account) -> Export:
    """The export of an account when it is done; everything on the way is observed."""

    async def until_done() -> Export:
        async with aclosing(client.watch(account.id)) as exports:
            async for export in exports:
                account.observe(export)
        return export

    return await with_retries(until_done)


async def file_bytes(client: ExportClient, export: Export, offset: int = 0, limit: int = 0) -> bytes:
    """Bytes of the file of an export, from `offset` on, at most `limit` of them (0: all)."""
    return b"".join([piece async for piece in client.stream(export.file, offset=offset, limit=limit)])


async def with_retries(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer to a call, asked for again while nobody answers or there is no room."""
    until = time.monotonic() + _RETRY_TIMEOUT_S
    while True:
        try:
            return await call()
        except (Unavailable, Exhausted):
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.2)  # whoever is ill needs a moment
