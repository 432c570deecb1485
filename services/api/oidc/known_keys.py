"""The keys of a provider as a process knows them: read now and then, and kept while the provider is away."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

from services.api.oidc.fetching import FetchFailed
from services.api.oidc.key_set import KeySet, VerificationKey
from services.contract.errors import ProviderUnavailable
from services.runtime import logs

READ_EACH_S = 600.0
"""How often the keys are read. A key that the provider withdraws is used no longer than that."""

READ_AGAIN_AFTER_S = 5.0
"""How soon after a failure."""

UNKNOWN_EACH_S = 10.0
"""The shortest time between two readings that a token with an unknown key causes: anybody can send such tokens.

A new key of the provider is known at the latest so long after its first token, and the time of a reading.
"""

MAX_MISSED = 1000
"""Of how many unknown keys a process remembers when they were first named."""


class KeySource(Protocol):
    """Where the keys come from."""

    async def keys(self) -> KeySet:
        """Return the keys as they are now. Raises FetchFailed."""
        ...


class ProviderKeys:
    """The keys of a provider. `edition` changes when they do."""

    def __init__(self, source: KeySource, kept: timedelta, monotonic: Callable[[], float]) -> None:
        """`kept`: how long keys are used after they were last read. `monotonic` returns seconds."""
        self._source = source
        self._kept_s = kept.total_seconds()
        self._monotonic = monotonic
        self._keys: KeySet | None = None
        self._withdrawn: frozenset[str] = frozenset()
        self._missed: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._read_at = self._asked_at = float("-inf")
        self._reading: asyncio.Task[bool] | None = None
        self.edition = 0

    @property
    def are_known(self) -> bool:
        """Whether the keys were read, and not too long ago."""
        return self._keys is not None and self._monotonic() - self._read_at < self._kept_s

    async def of(self, key_id: str, algorithm: str) -> Sequence[VerificationKey]:
        """Return the keys with which a token may be signed.

        If there are none, the keys are read again, unless that was done a short while ago: then nobody knows whether
        the provider has such a key meanwhile. Raises ProviderUnavailable.
        """
        arrived = self._monotonic()
        if self.are_known and self._current().has(key_id, algorithm):
            return self._current().of(key_id, algorithm)
        missed = self._missed_since((key_id, algorithm), arrived)
        if self._reading or arrived - self._asked_at >= UNKNOWN_EACH_S:
            await self.read()
        current = self._current()
        if not current.has(key_id, algorithm) and self._read_at < missed:
            raise ProviderUnavailable(self._wait_s())
        return current.of(key_id, algorithm)

    def _missed_since(self, key: tuple[str, str], now: float) -> float:
        """Return when a token first named a key that is not known. A set that was read later is certain not to have it.

        Random ids can push others out; then the answer for those is again that nobody knows. Keys that the provider has
        withdrawn are never pushed out: what was begun with them must end.
        """
        if key[0] in self._withdrawn:
            return float("-inf")
        since = self._missed.setdefault(key, now)
        if len(self._missed) > MAX_MISSED:
            self._missed.popitem(last=False)
        return since

    def _wait_s(self) -> int:
        """Return when the keys may be read again for an unknown one, in seconds from now."""
        return max(1, math.ceil(self._asked_at + UNKNOWN_EACH_S - self._monotonic()))

    async def run(self) -> None:
        """Read the keys repeatedly."""
        try:
            while True:
                was_read = await self.read()
                await asyncio.sleep(READ_EACH_S if was_read else READ_AGAIN_AFTER_S)
        finally:
            if self._reading:
                self._reading.cancel()

    async def read(self) -> bool:
        """Read the keys, or wait for a reading that has begun. Return whether it succeeded."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    def _current(self) -> KeySet:
        if self._keys is None or not self.are_known:
            raise ProviderUnavailable
        return self._keys

    async def _read(self) -> bool:
        self._asked_at = began = self._monotonic()
        try:
            self._take(await self._source.keys(), began)
        except FetchFailed as failed:
            logs.get().warning("provider_unreachable", problem=str(failed), keys_known=self.are_known)
            return False
        finally:
            self._reading = None
        return True

    def _take(self, keys: KeySet, began: float) -> None:
        if keys != self._keys:
            self.edition += 1
            self._withdrawn = (self._keys.ids if self._keys else frozenset()) - keys.ids
            self._missed = OrderedDict((key, at) for key, at in self._missed.items() if not keys.has(*key))
            logs.get().info("provider_keys_read", keys=len(keys.keys), ignored=keys.ignored)
        self._keys, self._read_at = keys, began
