"""Names to addresses for callbacks: what was checked is what is connected to."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from services.api.notify.addresses import AddressRules
from services.runtime.addresses import AddressRefused, numeric

THREADS = 16

Lookup = Callable[[str, int], list[str]]


class CheckedResolver(AbstractResolver):
    """Asks a name server once a connection, and gives its answer only when every address in it may be called.

    It waits in threads of its own: a name server that does not answer holds up nothing else.
    """

    def __init__(self, rules: AddressRules, lookup: Lookup = numeric) -> None:
        self._rules = rules
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="resolver")

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - every one
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises AddressRefused; OSError when it has none."""
        addresses = await asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host, port)
        if not self._rules.permit(addresses):
            raise AddressRefused(host)
        return [_result(host, address, port) for address in addresses]

    async def close(self) -> None:
        """Begin nothing new."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
