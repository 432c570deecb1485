"""Measures every kind of source through the complete service: how fast its rows become a CSV file."""

import time
from collections.abc import Iterator
from dataclasses import replace

from bench import report
from bench.peer import NotMeasured, Ran
from bench.places import MORE, PLACES, Place, postgresql, psql
from bench.report import Goal, Result
from bench.service import Service
from bench.turns import Measure, check, guarded, in_turns, rates
from bench.workload import COLUMNS, PART_ROWS, folder

_NO_GOAL = Goal("", lambda *_: True)
_IN_ORDER = "in-key-order"
_MAKE_IN_ORDER = (
    "create table in_key_order (like invoices including all)",
    "insert into in_key_order select * from invoices order by uuid",
    "vacuum analyze in_key_order",
)


def sources() -> Iterator[Result]:
    """Measure one kind after the other, each with a service of its own."""
    for name in PLACES:
        yield guarded(f"source_{name}", _NO_GOAL, lambda n=name: _source(n))  # type: ignore[misc]


def csv_vs_copy() -> Iterator[Result]:
    """Compare with PostgreSQL's own COPY of the same statement, ordered by key as the service always reads.

    One table is stored in the order of the key, the other must be sorted. The result of COPY without an order is shown,
    too.
    """
    goal = report.at_least(1.0)
    try:
        found = _beside_copy()
    except NotMeasured as problem:
        yield from (report.not_measured(f"csv_vs_copy{of}", "rows/s", goal, str(problem)) for of in ("", "_sorted"))
        return
    unordered = f"psql \\copy (… order by uuid); without an order {found['copy-unordered'].rows_per_s:,.0f}"
    yield rates("csv_vs_copy", found["exportd"], found["copy"], f"{unordered}; the table lies in that order", goal)
    yield rates(
        "csv_vs_copy_sorted", found["exportd-sorting"], found["copy-sorted"], f"{unordered}, the rows don't", goal
    )


def memory_of_postgresql(name: str, goal: Goal) -> Result:
    """Compare the worker's peak memory with MORE times the rows and with the rows."""
    with postgresql() as place:
        once, more = (_peak_mb(place, times) for times in (1, MORE))
    return report.compared(name, "MB", more, once, f"{PART_ROWS:,} rows, PostgreSQL, csv", more, goal)


def _source(name: str) -> Result:
    with PLACES[name]() as place, Service("csv", place) as service:
        ran = in_turns({"exportd": lambda: service.export(1)})["exportd"]
    return report.alone(f"source_{name}", "rows/s", ran.rows_per_s, ran.peak_mb)


def _beside_copy() -> dict[str, Ran]:
    with postgresql() as place, Service("csv", _with_a_table_in_order(place)) as service:
        measures: dict[str, Measure] = {
            "exportd": lambda: service.export(_IN_ORDER),
            "copy": lambda: _copied(place, "copy", "in_key_order order by uuid"),
            "exportd-sorting": lambda: service.export(1, "exportd-sorting"),
            "copy-sorted": lambda: _copied(place, "copy-sorted", "invoices order by uuid"),
            "copy-unordered": lambda: _copied(place, "copy-unordered", "invoices"),
        }
        return in_turns(measures)


def _with_a_table_in_order(place: Place) -> Place:
    """Add a table stored in the order of its key, so that nothing has to be sorted."""
    for command in _MAKE_IN_ORDER:
        psql(place.url, command)
    relation = 'table = "in_key_order"\nkey = "uuid"'
    return replace(place, relations={**place.relations, f"invoices-{_IN_ORDER}": relation})


def _copied(place: Place, name: str, rows: str) -> Ran:
    output = (folder() / "out" / f"{name}.csv").absolute()
    query = f"select {', '.join(COLUMNS)} from {rows}"  # noqa: S608
    started = time.perf_counter()
    psql(place.url, f"\\copy ({query}) to '{output}' with (format csv, header)")
    return Ran(PART_ROWS, time.perf_counter() - started, 0, output)


def _peak_mb(place: Place, times: int) -> float:
    with Service("csv", place) as service:  # a new one, since a child keeps its peak
        ran = service.export(times)
    check(ran, 1)
    return ran.peak_mb
