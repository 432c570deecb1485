"""Receives the hints of other processes over a connection of its own, which is reopened whenever it is lost."""

import asyncio
from collections.abc import Callable

import psycopg

from services.api.live.shared.outgoing import CHANNEL
from services.api.storage.postgres.connections import Address
from services.runtime import logs

FIRST_PAUSE_S = 0.1
MAX_PAUSE_S = 10.0
"""Longest pause between two attempts to connect. Each pause is twice the previous one, and up to half of it shorter."""


class Listener:
    """Calls `hear` with each payload, and `missed` when some may have been lost."""

    def __init__(
        self,
        address: Address,
        hear: Callable[[str], None],
        missed: Callable[[], None],
        random: Callable[[], float],
    ) -> None:
        self._address = address
        self._hear = hear
        self._missed = missed
        self._random = random
        self._pause_s = FIRST_PAUSE_S
        self.connected = False

    async def run(self) -> None:
        """Listen until cancelled. Behind a pooler it returns at once: a session there does not stay with its client."""
        while not self._address.pooled:
            try:
                await self._listen()
            except psycopg.Error as lost:
                logs.get().warning("hints_lost", error=str(lost).strip(), again_in_s=round(self._pause_s, 1))
            except Exception:  # noqa: BLE001 - the loop must survive any error
                logs.get().exception("hints_lost")
            finally:
                self.connected = False
            await asyncio.sleep(self._pause_s * (1 - self._random() / 2))  # processes do not reconnect all at once
            self._pause_s = min(2 * self._pause_s, MAX_PAUSE_S)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self._address.conninfo({}), autocommit=True)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self.connected, self._pause_s = True, FIRST_PAUSE_S
            self._missed()
            async for notification in connection.notifies():
                self._hear(notification.payload)
