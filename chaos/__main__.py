"""`python -m chaos`: run the test, and write its figures to build/chaos.json.

The exit status is 1 if anything was wrong. Ctrl-C ends all processes and shows what was found until then; without a
finding the exit status is then 130.
"""

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from chaos import report as reports
from chaos.run import RunOptions, run
from demo.processes import DidNotStart

OUTPUT = Path("build/chaos.json")
INTERRUPTED = 130
"""The exit status of what SIGINT has ended, as shells have it."""


def main() -> None:
    """Run with the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="how many (default 20)")
    parser.add_argument("--seconds", type=float, help="begin rounds for so long instead")
    parser.add_argument("--seed", type=int, help="repeats the plan of an earlier run (default: another one each time)")
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite", help="postgres: beside a bucket")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"default {OUTPUT}")
    arguments = parser.parse_args()
    seed = random.randrange(1_000_000) if arguments.seed is None else arguments.seed
    shared = arguments.store == "postgres"
    sys.exit(_run(RunOptions(seed, arguments.rounds, arguments.seconds, shared), arguments.output))


def _run(options: RunOptions, output: Path) -> int:
    console = Console()
    place = Path(tempfile.mkdtemp(prefix="exportd-chaos-"))

    def print_line(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
        console.file.flush()  # a log may be read while the run continues

    signal.signal(
        signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT)
    )  # asyncio cancels the run then, and nothing stays running or mounted
    try:
        report = asyncio.run(run(options, place / "cluster", print_line))
    except DidNotStart as problem:
        console.print(str(problem), markup=False)
        return 1
    except KeyboardInterrupt:
        console.print(f"interrupted before the first round; everything is below {place}", highlight=False)
        return INTERRUPTED
    reports.write(report, output)
    reports.show(report, console)
    console.print(f"written to {output}", highlight=False)
    if report.passed:
        shutil.rmtree(place)
        return 0
    what = "something is wrong" if report.findings.all else "interrupted, and nothing was found until then"
    console.print(f"{what}; the logs are kept in {place}/cluster/logs; seed {options.seed}", highlight=False)
    return INTERRUPTED if report.interrupted and not report.findings.all else 1


if __name__ == "__main__":
    main()
