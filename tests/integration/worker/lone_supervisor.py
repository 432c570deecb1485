"""A process with a pool of one child, whose order says what to do: `environment` or `spin`.

The child's answer is the text after `answer:`; before it there is a line `child: PID`.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from services.worker import environment
from services.worker.supervisor.pool import Pool


def warm() -> None:
    pass


def run(order: Any, report: object) -> Any:
    print("child:", os.getpid(), flush=True)  # noqa: T201 - to the test
    while order == "spin":
        pass
    return Path("/proc/self/environ").read_text() + repr(dict(os.environ))


async def main(order: Any) -> None:
    async with Pool(1, run, warm, []) as pool:
        print("answer:", await pool.run(order, lambda _: None))  # noqa: T201 - to the test


if __name__ == "__main__":
    environment.forget(os.environ)
    asyncio.run(main(sys.argv[1]))
