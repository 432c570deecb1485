"""Ends calls that last, such as watches and downloads, within seconds after their credentials have become invalid."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from services.api.rpc.gate import Credential, Gate
from services.contract.errors import NotAllowed, TryAgain

LOOKED_AT_EACH_S = 1.0
"""The interval of the checks. One check covers all calls with the same credentials."""


class OpenCalls:
    """The open calls of one port, by their credentials."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._open: defaultdict[Credential, set[asyncio.Task[None]]] = defaultdict(set)
        self._ended: dict[asyncio.Task[None], NotAllowed] = {}

    @contextmanager
    def held(self, credential: Credential) -> Iterator[None]:
        """Register the call of this task while the context lasts. Raises NotAllowed if it was ended."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a call is a task
        self._open[credential].add(task)
        try:
            yield
        except asyncio.CancelledError:
            refusal = self._ended.get(task)
            if refusal is None or task.uncancel():
                raise
            raise refusal from None
        finally:
            self._forget(credential, task)

    @property
    def count(self) -> int:
        """The number of open calls."""
        return sum(map(len, self._open.values()))

    def _forget(self, credential: Credential, task: "asyncio.Task[None]") -> None:
        self._ended.pop(task, None)
        self._open[credential].discard(task)
        if not self._open[credential]:
            del self._open[credential]

    async def run(self) -> None:
        """Check repeatedly."""
        while True:
            await asyncio.sleep(LOOKED_AT_EACH_S)
            await self.run_once()

    async def run_once(self) -> None:
        """End the calls whose credentials are no longer valid. Calls whose credentials cannot be checked now go on."""
        for credential in [*self._open]:
            try:
                await self._gate.check(credential)
            except TryAgain:
                continue
            except NotAllowed as refused:
                self._end(self._open.get(credential, set()) - self._ended.keys(), refused)

    def _end(self, tasks: "set[asyncio.Task[None]]", refused: NotAllowed) -> None:
        for task in tasks:
            self._ended[task] = refused
            task.cancel()
