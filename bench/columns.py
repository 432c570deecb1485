"""The columns of the workload for the project's writers."""

from bench.workload import COLUMNS, TYPES
from services.contract.spec import ColumnSpec, ColumnType, Kind

_KINDS = {
    "text": ColumnType(Kind.TEXT),
    "timestamp": ColumnType(Kind.TIMESTAMP),
    "decimal(18,2)": ColumnType(Kind.DECIMAL, 18, 2),
    "integer": ColumnType(Kind.INTEGER),
}


def columns() -> tuple[ColumnSpec, ...]:
    """Return the columns of the workload, in order."""
    return tuple(ColumnSpec(name, name, name, _KINDS[TYPES.get(name, "text")]) for name in COLUMNS)
