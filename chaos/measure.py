"""`python -m chaos.measure [NAME …]`: measure how fast the services recover, and what they keep in memory.

Prints each figure with its goal and writes all to build/chaos-measure.json. A missed goal is shown but is no failure,
because it may be caused by a slow machine.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console

from chaos import cancellation, recovery, throughput, watchers
from chaos.cluster import Cluster
from chaos.figures import Figure

OUTPUT = Path("build/chaos-measure.json")

Measure = Callable[[Cluster], Awaitable[list[Figure]]]
MEASURES: dict[str, Measure] = {
    "throughput": throughput.measure,
    "cancel": cancellation.measure,
    "recovery": recovery.measure,
    "memory": watchers.measure_memory,
    "watchers": watchers.measure_watchers,
}


def main() -> None:
    """Run the measures named on the command line, by default all."""
    parser = argparse.ArgumentParser(prog="python -m chaos.measure", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASURES)}; default: all")
    names = parser.parse_args().names or list(MEASURES)
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        parser.error(f"no such measure: {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    figures: list[Figure] = []
    console = Console()
    for name in names:
        for figure in asyncio.run(_measured(MEASURES[name])):
            figures.append(figure)
            console.print(str(figure), highlight=False, markup=False, soft_wrap=True)
    _write(figures)
    console.print(f"written to {OUTPUT}", highlight=False)
    sys.exit(0)


async def _measured(measure: Measure) -> list[Figure]:
    """Run a measure in a cluster of its own."""
    with tempfile.TemporaryDirectory(prefix="exportd-chaos-") as folder:
        async with Cluster(Path(folder) / "cluster", huge=True) as cluster:
            return await measure(cluster)


def _write(figures: list[Figure]) -> None:
    """Write the figures, and keep those of other measures from earlier runs."""
    kept = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(kept | {figure.name: figure.as_json() for figure in figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
