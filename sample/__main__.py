"""`python -m sample [DIR]`: build the sample data, unless it exists already."""

import argparse
import sys
from pathlib import Path

from sample import DEMO_ENTITY
from sample.build import NotOurs, build
from sample.generator import INVOICES, SEED

_HINT = """
The demo entity is {entity}. Its invoices of 2026 with their XML, once the api and the worker run:

  exportctl create '/entities/{entity}/invoices?issuedAt[after]=2026-01-01' \\
    --format xlsx --file-type invoice.cfdi.xml -o invoices.zip
"""


def main() -> int:
    """Build the data. The exit code is 0 if DIR is complete, 1 if it holds something else."""
    parser = argparse.ArgumentParser(prog="python -m sample", description="Build the sample data of exportd.")
    parser.add_argument("directory", metavar="DIR", nargs="?", type=Path, default=Path("build/sample"))
    parser.add_argument("--invoices", type=int, default=INVOICES, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the generator (default: %(default)s)")
    given = parser.parse_args()
    try:
        build(given.directory, invoices=given.invoices, seed=given.seed)
    except NotOurs as problem:
        print(problem, file=sys.stderr)
        return 1
    print(_HINT.format(entity=DEMO_ENTITY))
    return 0


if __name__ == "__main__":
    sys.exit(main())
