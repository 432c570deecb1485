"""Callers: each lives its story, whatever breaks, and writes down what it was told."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import TypeVar

from chaos import workload
from chaos.ledger import Account, Findings, Wrong
from chaos.plan import Ending, Story
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

PATIENT = Patience(first_contact=60, outage=60, shortest=0.05, longest=1)
LABEL = "chaos"
_GIVE_UP_S = 300.0
"""How long one thing is tried again. Nothing in the plan lasts so long."""

_MOST_LEAVINGS = 4


class Callers:
    """Lives stories over `clients`, one a tenant; `accounts` is what came of them."""

    def __init__(self, clients: Mapping[str, ExportClient], findings: Findings, receiver: Receiver) -> None:
        self.accounts: list[Account] = []
        self._clients = clients
        self._findings = findings
        self._receiver = receiver

    async def live(self, story: Story, request_id: str) -> None:
        """From the create to the ending. Whatever no fault excuses becomes a finding."""
        account = Account(request_id, story, self._findings)
        self.accounts.append(account)
        try:
            await asyncio.gather(*(self._create(account) for _ in range(story.callers)))
            await asyncio.sleep(story.after_s)  # as the plan says
            await self._end(account, random.Random(story.draw))
        except Exception as error:  # noqa: BLE001 - a caller that fails must not end the others
            self._findings.add(Wrong.UNEXPECTED, account.id, f"{story.ending.name}: {error!r}")

    async def _create(self, account: Account) -> None:
        story, client = account.story, self._clients[account.story.tenant]
        account.callback = self._receiver.url(account.request_id) if story.notified else ""
        export = await patiently(
            lambda: client.create(
                type=story.collection,
                format=story.format,
                packaging=story.packaging,
                password=workload.PASSWORD if story.password else None,
                max_attempts=story.max_attempts,
                labels={LABEL: account.request_id},
                request_id=account.request_id,
                priority=story.priority,
                callback_url=account.callback,
            )
        )
        account.created(export)

    async def _end(self, account: Account, draw: random.Random) -> None:
        client = self._clients[account.story.tenant]
        match account.story.ending:
            case Ending.DOWNLOAD:
                await self._download(client, await watched(client, account))
            case Ending.CUT_DOWNLOAD:
                await self._download_in_pieces(client, await watched(client, account), draw)
            case Ending.CANCEL:
                await self._cancel(client, account, only_if_queued=False)
            case Ending.CANCEL_QUEUED:
                await self._cancel(client, account, only_if_queued=True)
            case Ending.DELETE:
                await watched(client, account)
                await self._delete(client, account)
            case Ending.LOSE_PATIENCE:
                await self._watch_and_leave(client, account, draw)
            case Ending.LEAVE:
                pass
        if account.story.listed and not account.deleted:
            await self._look_up(client, account)

    async def _download(self, client: ExportClient, export: Export) -> None:
        if export.state != Export.COMPLETED:
            return
        try:
            data = await patiently(lambda: fetched(client, export))
        except FileDamaged as damaged:
            self._findings.add(Wrong.BAD_SHA256, export.id, str(damaged))
        else:
            self._check_size(export, data)

    async def _download_in_pieces(self, client: ExportClient, export: Export, draw: random.Random) -> None:
        """Leave in the middle and go on there, as callers do whose own line breaks."""
        if export.state != Export.COMPLETED:
            return
        size, data = export.file.size_bytes, b""
        cuts = sorted(draw.sample(range(size), min(_MOST_LEAVINGS, size)))
        for end in (*cuts, size):
            offset = len(data)
            if end > offset:
                data += await patiently(lambda o=offset, e=end: fetched(client, export, o, e - o))  # type: ignore[misc]
        self._check_size(export, data)

    def _check_size(self, export: Export, data: bytes) -> None:
        if len(data) != export.file.size_bytes:
            self._findings.add(Wrong.BAD_SHA256, export.id, f"{len(data)} bytes instead of {export.file.size_bytes}")

    async def _cancel(self, client: ExportClient, account: Account, *, only_if_queued: bool) -> None:
        account.asked_cancel = True
        try:
            export = await patiently(lambda: client.cancel(account.id, only_if_queued=only_if_queued))
        except FailedPrecondition as refused:
            if refused.reason not in ("ILLEGAL_TRANSITION", "NOT_QUEUED"):
                raise
        else:
            account.cancelled = True
            account.observe(export)

    async def _delete(self, client: ExportClient, account: Account) -> None:
        account.asked_delete = True
        await patiently(lambda: client.delete(account.id))
        account.deleted = True

    async def _watch_and_leave(self, client: ExportClient, account: Account, draw: random.Random) -> None:
        for _ in range(_MOST_LEAVINGS):
            with suppress(TimeoutError):
                async with asyncio.timeout(draw.uniform(0, 1)):
                    await watched(client, account)

    async def _look_up(self, client: ExportClient, account: Account) -> None:
        async def listed() -> list[str]:
            return [export.id async for export in client.list(labels={LABEL: account.request_id})]

        found = await patiently(listed)
        if found != [account.id]:
            self._findings.add(Wrong.LOST, account.id, f"the list of its label has {found}")


async def watched(client: ExportClient, account: Account) -> Export:
    """The export of an account when it is done; everything on the way is observed."""

    async def until_done() -> Export:
        async with aclosing(client.watch(account.id)) as exports:
            async for export in exports:
                account.observe(export)
        return export

    return await patiently(until_done)


async def fetched(client: ExportClient, export: Export, offset: int = 0, limit: int = 0) -> bytes:
    """Bytes of the file of an export, from `offset` on, at most `limit` of them (0: all)."""
    return b"".join([piece async for piece in client.stream(export.file, offset=offset, limit=limit)])


async def patiently(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer to a call, asked for again while nobody answers or there is no room."""
    until = time.monotonic() + _GIVE_UP_S
    while True:
        try:
            return await call()
        except (Unavailable, Exhausted):
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.2)  # whoever is ill needs a moment
