"""Splits a table into ranges of the first column of its order, for connections that read side by side.

Each row is in exactly one range, whatever the bounds are. The bounds come from the server's statistics, which only
decide how many rows each range has.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from services.contract.spec import JobSpec, OrderTerm
from services.worker.sources.rows.columns import order_types
from services.worker.sources.rows.conditions import Sql
from services.worker.sources.sql.postgres import dialect
from services.worker.sources.sql.postgres.transaction import Statements
from services.worker.sources.sql.postgres.types import PLAIN_TEXT, WHOLE, Columns, Oid

_MIN_ROWS = 100_000
"""Fewer rows are read before a second connection is ready."""
_RANGE_ROWS = 50_000
"""Approximate number of rows of a range.

A connection holds back most of a range while another one reads the range before.
"""

_ORDERED = frozenset({*WHOLE, *PLAIN_TEXT, Oid.UUID, Oid.DATE, Oid.TIMESTAMP, Oid.TIMESTAMPTZ})
_IN_ORDER = frozenset({"Index Scan", "Index Only Scan", "Incremental Sort", "Append", "Merge Append", "Result"})
"""Nodes of a plan that return rows in the order of an index, so that reading a range costs only its own rows."""


def of(statements: Statements, spec: JobSpec, columns: Columns, select: str) -> Sequence[Sql]:
    """Return the conditions that divide the rows of the statement `select` into ranges, in the order of the spec.

    Empty when reading the ranges side by side would not be worthwhile.
    """
    if not (spec.relation.table and spec.order) or spec.page:
        return ()
    first = spec.order[0]
    key = dialect.sortable(first.column, order_types(spec).get(first.column), columns)
    if columns.oid(first.column) not in _ORDERED or key not in (columns.raw(first.column), columns.text(first.column)):
        return ()
    bounds = _bounds(statements, spec, columns)
    rows = _rows_in_order(statements, select) if bounds else 0
    if rows < _MIN_ROWS:
        return ()
    return tuple(_ranges(first, key, columns, _some(bounds, rows // _RANGE_ROWS)))


def _bounds(statements: Statements, spec: JobSpec, columns: Columns) -> list[str]:
    """Return values of the column in order, with about as many rows between neighbours. Empty without statistics."""
    name = spec.order[0].column
    of_type = 'b collate "C"' if columns.oid(name) in PLAIN_TEXT else f"b::{columns.type(name)}"
    rows = statements.rows(
        f"select array(select b from unnest(s.histogram_bounds::text::text[]) as b order by {of_type})"  # noqa: S608
        " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname"
        f" where c.oid = to_regclass($1::text) and s.attname = $2 and c.reltuples >= {_MIN_ROWS}"
        " order by s.inherited desc limit 1",
        (dialect.table_name(spec.relation.table), columns.stored[name].name),
    )
    return list(dict.fromkeys(rows[0][0])) if rows else []


def _rows_in_order(statements: Statements, select: str) -> int:
    """Return how many rows the server expects; 0 when it has to sort them."""
    plan = statements.rows(f"explain (format json) {select}")[0][0][0]["Plan"]
    return int(plan["Plan Rows"]) if all(step["Node Type"] in _IN_ORDER for step in _steps(plan)) else 0


def _steps(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _steps(below)


def _some(bounds: Sequence[str], most: int) -> list[str]:
    """Return evenly spread bounds for at most `most` ranges."""
    count = max(2, min(most, len(bounds) - 1))
    return list(dict.fromkeys(bounds[number * (len(bounds) - 1) // count] for number in range(1, count)))


def _ranges(term: OrderTerm, key: str, columns: Columns, bounds: Sequence[str]) -> Iterator[Sql]:
    """Yield the ranges in the order of the term. The range of nulls is the first or the last."""
    mark = f"{dialect.MARK}::{columns.type(term.column)}"
    edges = [None, *bounds, None]
    between = [_between(key, mark, low, high) for low, high in pairwise(edges)]
    nulls = [Sql(f"{columns.raw(term.column)} is null")]
    in_order = between[::-1] if term.descending else between
    yield from (*nulls, *in_order) if term.nulls_first else (*in_order, *nulls)


def _between(key: str, mark: str, low: str | None, high: str | None) -> Sql:
    """Return the condition from `low` (included) to `high` (excluded). Null never fulfils it."""
    parts = [f"{key} >= {mark}"] * (low is not None) + [f"{key} < {mark}"] * (high is not None)
    values = tuple(value for value in (low, high) if value is not None)
    return Sql(" and ".join(parts) or f"{key} is not null", values)
