"""The parent of several processes of a service. It starts them, restarts those that end, and serves nothing itself."""

import asyncio
import asyncio.subprocess
import signal
import sys
from collections.abc import Mapping

from services.runtime import logs
from services.runtime.command_line import MISTAKEN, OK
from services.runtime.early_signals import EarlySignals
from services.runtime.processes.pauses import Pauses
from services.runtime.signals import StopSignals, on_hangup


def run(module: str, count: int, environ: Mapping[str, str], early: EarlySignals) -> int:
    """Run `count` processes until stopped, and return the exit code.

    Each runs `module`, with its number as the argument, and calls `tell_parent` once it serves.
    """
    return asyncio.run(_main(Several(module, count, environ), early))


async def _main(several: "Several", early: EarlySignals) -> int:
    stop = StopSignals().install(early)
    with on_hangup(several.hang_up, early):
        running = asyncio.create_task(several.run())
        for asked, do in ((stop.drain, several.drain), (stop.now, several.end)):
            first = asyncio.create_task(asked.wait())
            await asyncio.wait([running, first], return_when=asyncio.FIRST_COMPLETED)
            first.cancel()
            do()
        return await running


class Several:
    """Several processes, each with a number.

    The standard input of each is a pipe from this process. When it ends, which it also does when this process is
    killed, the process stops as after SIGTERM.
    """

    def __init__(self, module: str, count: int, environ: Mapping[str, str]) -> None:
        self._module = module
        self._count = count
        self._environ = environ
        self._there: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._code = OK

    async def run(self) -> int:
        """Run until all have ended, after `drain` or because the first cannot start. Return the exit code."""
        first_serves = asyncio.Event()
        keeping = [asyncio.create_task(self._keep(0, first_serves))]
        waiting = asyncio.create_task(first_serves.wait())
        await asyncio.wait([waiting, *keeping], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not self._stopping.is_set():
            keeping += [asyncio.create_task(self._keep(index, asyncio.Event())) for index in range(1, self._count)]
        await asyncio.gather(*keeping)
        return self._code

    def drain(self) -> None:
        """Tell all processes to finish and stop."""
        self._stopping.set()
        for process in self._there.values():
            if process.stdin:
                process.stdin.close()

    def end(self) -> None:
        """Tell all processes to stop now."""
        self._signal(signal.SIGTERM)

    def hang_up(self) -> None:
        """Tell all processes to reread their files."""
        self._signal(signal.SIGHUP)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._there.values():
            process.send_signal(number)

    async def _keep(self, index: int, serves: asyncio.Event) -> None:
        pauses, is_first = Pauses(asyncio.get_running_loop().time), True
        while not self._stopping.is_set():
            pauses.begun()
            status = await self._run(index, serves)
            if self._stopping.is_set():
                return
            if is_first and not serves.is_set() and status == MISTAKEN:  # it has said why in its log
                self._code = status
                self.drain()
                return
            is_first = False
            pause_s = pauses.ended()
            logs.get().error("process_ended", process=index, status=status, again_in_s=pause_s)
            await self._wait(pause_s)

    async def _run(self, index: int, serves: asyncio.Event) -> int:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", self._module, str(index)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=dict(self._environ),
            start_new_session=True,  # Ctrl-C reaches only this process
        )
        self._there[index] = process
        if self._stopping.is_set():
            self.drain()
        try:
            if process.stdout and await process.stdout.readline():
                serves.set()
            return await process.wait()
        finally:
            del self._there[index]

    async def _wait(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()
        except TimeoutError:
            return
