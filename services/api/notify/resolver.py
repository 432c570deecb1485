"""Looks up the addresses of callback hosts. A connection uses exactly the addresses that were checked."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from weakref import WeakValueDictionary

from services.api.notify.addresses import AddressRules
from services.runtime.addresses import AddressRefused, numeric


@dataclass(frozen=True, slots=True)
class LookupLimits:
    """How many threads may wait for name servers: in all, for one tenant's receivers, and for one host of a tenant.

    `lookup_s` is the longest time that a name server may take; `wait_s` is the longest time that a lookup waits for a
    thread.
    """

    threads: int = 16
    max_per_tenant: int = 4
    max_per_host: int = 2
    lookup_s: float = 5.0
    wait_s: float = 5.0


Lookup = Callable[[str, int], list[str]]


class LookupsBusy(Exception):
    """No thread was free in time, so nothing was looked up."""


class LookupTimedOut(Exception):
    """The name server did not answer in time."""


@dataclass(frozen=True, slots=True)
class Asker:
    """The tenant for whom a name is looked up.

    `waiting` is called when a lookup begins to wait for a thread, `begun` when the lookup begins.
    """

    tenant: str
    waiting: Callable[[], None]
    begun: Callable[[], None]


class CheckedResolver:
    """Looks up each host once per connection, and returns its addresses only if all of them may be called.

    Lookups have threads of their own, so that a name server that does not answer delays only few lookups, and nothing
    else.
    """

    def __init__(self, rules: AddressRules, limits: LookupLimits, lookup: Lookup = numeric) -> None:
        self._rules = rules
        self._limits = limits
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="resolver")
        self._free = asyncio.Semaphore(limits.threads)
        self._free_of: WeakValueDictionary[tuple[str, ...], asyncio.Semaphore] = WeakValueDictionary()

    async def resolve(self, host: str, port: int, asker: Asker) -> list[str]:
        """Return the addresses of a host.

        Raises AddressRefused, LookupsBusy, LookupTimedOut, and OSError if it has no address.
        """
        asker.waiting()
        places = await self._places(asker.tenant, host)
        asker.begun()
        addresses = await self._addresses_of(host, port, places)
        if not self._rules.permit(addresses):
            raise AddressRefused(host)
        return addresses

    def close(self) -> None:
        """Begin no new lookups."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _places(self, tenant: str, host: str) -> list[asyncio.Semaphore]:
        """Take one place of each limit, and return the semaphores to release when the thread has ended.

        The scarcest is taken first, so that a lookup that waits for it holds nothing else.
        """
        of_host = self._of((tenant, host), self._limits.max_per_host)
        of_tenant = self._of((tenant,), self._limits.max_per_tenant)
        taken: list[asyncio.Semaphore] = []
        try:
            async with asyncio.timeout(self._limits.wait_s):
                for place in (of_host, of_tenant, self._free):
                    await place.acquire()
                    taken.append(place)
        except BaseException as problem:
            _release(taken)
            if isinstance(problem, TimeoutError):
                raise LookupsBusy from None
            raise
        return taken

    def _of(self, name: tuple[str, ...], most: int) -> asyncio.Semaphore:
        return self._free_of.setdefault(name, asyncio.Semaphore(most))

    async def _addresses_of(self, host: str, port: int, places: list[asyncio.Semaphore]) -> list[str]:
        """Look up the addresses in a thread. A thread cannot be stopped: it keeps its places until it ends."""
        loop = asyncio.get_running_loop()
        lookup = self._threads.submit(self._lookup, host, port)
        lookup.add_done_callback(lambda _: _release_in(loop, places))
        try:
            async with asyncio.timeout(self._limits.lookup_s) as limit:
                return await asyncio.wrap_future(lookup)
        except TimeoutError:
            if limit.expired():
                raise LookupTimedOut from None
            raise


def _release(places: list[asyncio.Semaphore]) -> None:
    for place in places:
        place.release()


def _release_in(loop: asyncio.AbstractEventLoop, places: list[asyncio.Semaphore]) -> None:
    with suppress(RuntimeError):  # the event loop may have ended before the thread
        loop.call_soon_threadsafe(_release, places)
