"""Names of sheets that Excel accepts."""

import re
from collections.abc import Iterator
from itertools import count

from services.worker.writers.xlsx.limits import MAX_SHEET_NAME_UNITS

_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f\x7f\ufffe\uffff]")


def sheet_names(table_name: str) -> Iterator[str]:
    """Yield names for the sheets of one table without end: "invoices", "invoices (2)" and so on.

    Forbidden characters become `_`, apostrophes at the ends are dropped, and long names are cut. All names differ by
    more than case. An empty name becomes "Sheet", and "History", which Excel reserves, gets a `_`.
    """
    base = _FORBIDDEN.sub("_", table_name).strip("'") or "Sheet"
    base = f"{base}_" if base.casefold() == "history" else base
    first = _cut(base, MAX_SHEET_NAME_UNITS)
    yield first
    for number in count(2):
        suffix = f" ({number})"
        name = _cut(base, MAX_SHEET_NAME_UNITS - len(suffix)) + suffix
        if name.casefold() != first.casefold():
            yield name


def _cut(name: str, units: int) -> str:
    return name.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore").strip("'")
