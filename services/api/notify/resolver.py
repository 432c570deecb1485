"""Names to addresses for callbacks: what was checked is what is connected to."""

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
    """Threads that wait for name servers: in all, for those of one tenant's receivers, and of one of these.

    None is waited for by others. `lookup_s` is the longest that a name server may take, `wait_s` the longest that a
    lookup waits for a thread.
    """

    threads: int = 16
    max_per_tenant: int = 4
    max_per_host: int = 2
    lookup_s: float = 5.0
    wait_s: float = 5.0


Lookup = Callable[[str, int], list[str]]


class LookupsBusy(Exception):
    """No thread was free in time, so that nothing was asked."""


class LookupTimedOut(Exception):
    """A name server did not answer in time."""


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom names are looked up; told when a lookup begins to wait for a thread, and when it has begun."""

    tenant: str
    waiting: Callable[[], None]
    begun: Callable[[], None]


class CheckedResolver:
    """Asks a name server once a connection, and gives its answer only when every address in it may be called.

    It waits in threads of its own: a name server that does not answer delays nothing else, and not many of those.
    """

    def __init__(self, rules: AddressRules, limits: LookupLimits, lookup: Lookup = numeric) -> None:
        self._rules = rules
        self._limits = limits
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="resolver")
        self._free = asyncio.Semaphore(limits.threads)
        self._free_of: WeakValueDictionary[tuple[str, ...], asyncio.Semaphore] = WeakValueDictionary()

    async def resolve(self, host: str, port: int, asker: Asker) -> list[str]:
        """The addresses of a host. Raises AddressRefused, LookupsBusy, LookupTimedOut; OSError when it has none."""
        asker.waiting()
        places = await self._places(asker.tenant, host)
        asker.begun()
        addresses = await self._addresses_of(host, port, places)
        if not self._rules.permit(addresses):
            raise AddressRefused(host)
        return addresses

    def close(self) -> None:
        """Begin nothing new."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _places(self, tenant: str, host: str) -> list[asyncio.Semaphore]:
        """What is to be released when the thread has ended. The scarcest first: who waits for it holds nothing else."""
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
        """A thread cannot be cut off: its places stay taken until it ends, whoever still waits for it."""
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
    with suppress(RuntimeError):  # the loop may have ended before the thread
        loop.call_soon_threadsafe(_release, places)
