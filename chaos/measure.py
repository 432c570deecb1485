"""`python -m chaos.measure [NAME …]`: how fast the services come back, and what they hold on to.

Prints each figure beside its goal and writes all to build/chaos-measure.json. A goal that is missed is shown and is no
failure: how fast a machine is at the moment is nobody's mistake.
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
    """Run the measures of the command line, by default all."""
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
    """In a cluster of its own."""
    with tempfile.TemporaryDirectory(prefix="exportd-chaos-") as folder:
        async with Cluster(Path(folder) / "cluster", huge=True) as cluster:
            return await measure(cluster)


def _write(figures: list[Figure]) -> None:
    """Keep what earlier runs wrote about other things."""
    kept = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(kept | {figure.name: figure.as_json() for figure in figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
