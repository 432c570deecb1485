"""`python -m bench [GROUP …]`: measure, print a table, and write build/bench.json.

Exits with 1 if an output was wrong. A missed goal is shown but is no failure, because it may be caused by a slow
machine.
"""

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

from bench import report, stores, workload
from bench.checks import WrongOutput
from bench.groups import DEFAULT, GROUPS
from bench.peer import NotMeasured
from bench.report import Result

OUTPUT = Path("build/bench.json")


def main() -> None:
    """Run the groups of the command line, by default all that together take ten minutes."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; default: {' '.join(DEFAULT)}"
    )
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite", help="postgres: beside a bucket")
    arguments = parser.parse_args()
    groups = arguments.groups or DEFAULT
    unknown = [group for group in groups if group not in GROUPS]
    if unknown:
        parser.error(f"no such group: {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    workload.parts(workload.folder() / "rows", 1)
    try:
        with stores.shared() if arguments.store == "postgres" else nullcontext():
            sys.exit(_run(list(groups)))
    except NotMeasured as problem:
        sys.exit(str(problem))


def _run(groups: list[str]) -> int:
    results: list[Result] = []
    status = 0
    for group in groups:
        try:
            for result in GROUPS[group]():
                print(f"{result.name}: {_line(result)}", flush=True)
                results.append(result)
        except WrongOutput as wrong:
            print(f"{group}: WRONG OUTPUT: {wrong}", file=sys.stderr)
            status = 1
    report.write(results, OUTPUT)
    report.show(results)
    return status


def _line(result: Result) -> str:
    if result.ours is None:
        return result.peer_name
    ratio = "" if result.ratio is None else f", {result.ratio:g} x {result.peer_name}"
    return f"{result.ours:,g} {result.unit}{ratio}"


if __name__ == "__main__":
    main()
