"""Sends hints to the other processes. Those of a few milliseconds are sent together."""

import asyncio
from collections import defaultdict
from contextlib import suppress

import sqlalchemy as sa

from services.api.live.shared.messages import Item, Kind, Message
from services.api.ports.live import DetachedTasks
from services.api.storage.postgres.database import PostgresDatabase
from services.contract.errors import StoreUnavailable

CHANNEL = "exportd"

GATHERED_S = 0.005
"""How long hints gather. A notification takes a lock that every commit needs, whatever its length."""

MAX_GATHERED = 1024
"""Hints of one kind that are kept. More would not fit into a notification anyway."""

_notify = sa.text("SELECT pg_notify(:channel, :payload)")


class Outgoing:
    """Sends the hints of this process to all others. It never blocks and never fails: a lost hint costs a delay.

    `sender` is the name of this process, which ignores its own messages.
    """

    def __init__(self, database: PostgresDatabase, sender: str, detached: DetachedTasks) -> None:
        self.sender = sender
        self._database = database
        self._detached = detached
        self._gathered: defaultdict[Kind, list[Item]] = defaultdict(list)

    def tell(self, kind: Kind, *item: str) -> None:
        """Send a hint soon, after those given before."""
        if not self._gathered:
            asyncio.get_running_loop().call_later(GATHERED_S, self._send)
        items = self._gathered[kind]
        if len(items) < MAX_GATHERED and (kind is Kind.WORK or item not in items[-1:]):
            items.append(item)

    def _send(self) -> None:
        payload = Message(self.sender, self._gathered).payload()
        self._gathered = defaultdict(list)
        self._detached.start(self._sent(payload))

    async def _sent(self, payload: str) -> None:
        with suppress(StoreUnavailable):
            await self._database.write_soon(
                lambda db: db.execute(_notify, {"channel": CHANNEL, "payload": payload}).close()
            )
