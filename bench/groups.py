"""The measurements by group. Each output is checked before its time counts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench import backlog, calls, cold_start, pickups, report, small_exports, sources, store_lives
from bench.download import download
from bench.http import http
from bench.peer import NotMeasured, in_fresh_process
from bench.peers import OPENPYXL_ROWS, PEERS
from bench.report import Goal, Result, compared
from bench.secured import secured
from bench.service import Service
from bench.turns import PASSWORD, Measure, check, guarded, in_turns, processor_rates, rates
from bench.workload import folder, parts
from exportd_client import FormatName

_PATIENCE_S = 60.0
"""The most seconds for a million rows, if ten million are to be measured as well."""
_MANY_FORMATS = ("duckdb-", "pyarrow-", "exportd-", "chdb-")
_FASTEST = ("jetxl", "rapidxlsx", "rustpy-xlsxwriter", "duckdb-excel")


def xlsx() -> Iterator[Result]:
    """Workbooks: the service compared with openpyxl, and the writer compared with the fastest writers available."""
    yield guarded("xlsx_vs_openpyxl", report.at_least(100), _xlsx_vs_openpyxl)
    yield guarded("xlsx_vs_fastest", Goal(">= 4.5, a sixth of its memory", lambda *_: False), _xlsx_vs_fastest)


def csv() -> Iterator[Result]:
    """Text formats and Parquet: the service compared with the fastest programs for each."""
    yield from sources.csv_vs_copy()
    for row in _BESIDE:
        yield from _beside(row)


def zip_() -> Iterator[Result]:
    """The cost of encryption: a ZIP with a password compared with one without."""
    yield guarded("zip_aes_overhead", report.at_most(1.3), _zip_aes_overhead, "s")


def memory() -> Iterator[Result]:
    """Whether the memory of the worker's children grows with the number of rows."""
    goal = report.at_most(1.1, 500)
    yield guarded("memory_flat", goal, lambda: _memory_flat("memory_flat", "csv", goal), "MB")
    yield guarded("memory_flat_xlsx", goal, lambda: _memory_flat("memory_flat_xlsx", "xlsx", goal), "MB")
    sorted_csv = "memory_flat_sorted"
    yield guarded(sorted_csv, goal, lambda: _memory_flat(sorted_csv, "csv", goal, _BY_UUID), "MB")
    of_postgresql = "memory_flat_postgresql"
    yield guarded(of_postgresql, goal, lambda: sources.memory_of_postgresql(of_postgresql, goal), "MB")


def queue() -> Iterator[Result]:
    """The overhead of calls and small exports."""
    yield from calls.calls()
    yield from small_exports.small_exports()
    yield from pickups.pickups()
    yield from cold_start.cold_start()
    yield from store_lives.store_lives()
    yield from backlog.backlog()


def large() -> Iterator[Result]:
    """Large files. They take minutes, so they are measured only on request."""
    for table_format, millions in _LARGE:
        name = f"{table_format}_{millions}m"
        yield guarded(name, _NO_GOAL, lambda n=name, f=table_format, m=millions: _large(n, f, m))  # type: ignore[misc]


GROUPS: dict[str, Callable[[], Iterator[Result]]] = {
    "xlsx": xlsx,
    "csv": csv,
    "zip": zip_,
    "memory": memory,
    "queue": queue,
    "download": download,
    "http": http,
    "secured": secured,
    "sources": sources.sources,
    "large": large,
}
DEFAULT = ("xlsx", "csv", "zip", "memory", "queue", "download")
_TIMES = 3
"""How often a short export is repeated.

A single one may miss the moment of highest memory use, which a long one has many times.
"""
_LARGE: tuple[tuple[FormatName, int], ...] = (("csv", 10), ("parquet", 10), ("xlsx", 3))
_NO_GOAL = Goal("", lambda *_: True)
_BY_UUID = "?order[uuid]=asc"


@dataclass(frozen=True, slots=True)
class _Row:
    """The service compared with a peer, and with a `higher` one if it is installed."""

    name: str
    format: FormatName
    peer: str
    goal: Goal
    query: str = ""
    higher: str = ""


_BESIDE = (
    _Row("csv_vs_duckdb", "csv", "duckdb-csv", report.at_least(1.0), higher="chdb-csv"),
    _Row("csv_vs_duckdb_sorted", "csv", "duckdb-csv-sorted", report.at_least(0.9, 500), _BY_UUID),
    _Row("jsonl_vs_duckdb", "jsonl", "duckdb-jsonl", report.at_least(1.3), higher="chdb-jsonl"),
    _Row("parquet_vs_pyarrow", "parquet", "pyarrow-parquet", report.at_least(1.2)),
)


def _xlsx_vs_openpyxl() -> Result:
    with Service("xlsx") as service:
        found = in_turns({"exportd": lambda: service.export(1), "openpyxl": _peer_measure("openpyxl")})
    name = f"openpyxl write-only, {OPENPYXL_ROWS:,} rows"
    return rates("xlsx_vs_openpyxl", found["exportd"], found["openpyxl"], name, report.at_least(100))


def _xlsx_vs_fastest() -> Result:
    absent: list[str] = []
    measures = {name: _peer_measure(name) for name in ("exportd-xlsx", *_FASTEST)}
    found = in_turns(measures, absent)
    if "exportd-xlsx" not in found or len(found) == 1:
        raise NotMeasured("; ".join(absent))
    ours = found.pop("exportd-xlsx")
    name, fastest = max(found.items(), key=lambda item: item[1].rows_per_s)
    memory_mb = fastest.peak_mb / 6
    goal = Goal(f">= 4.5 and <= {memory_mb:.0f} MB", lambda ratio, rss: ratio >= 4.5 and rss <= memory_mb)
    others = [f"{other} {ran.rows_per_s:,.0f}" for other, ran in found.items() if other != name]
    beside = "; ".join([f"{name} ({fastest.peak_mb:,.0f} MB)", *others, *(f"not run: {why}" for why in absent)])
    return rates("xlsx_vs_fastest", ours, fastest, beside, goal)


def _beside(row: _Row) -> Iterator[Result]:
    """Compare by elapsed time and by processor time."""
    absent: list[str] = []
    peers = [peer for peer in (row.peer, row.higher) if peer]
    try:
        with Service(row.format) as service:
            ours: dict[str, Measure] = {"exportd": lambda: service.export(1, query=row.query)}
            found = in_turns(ours | {peer: _peer_measure(peer) for peer in peers}, absent)
    except NotMeasured as problem:
        absent.append(str(problem))
        found = {}
    if "exportd" not in found or row.peer not in found:
        yield report.not_measured(row.name, "rows/s", row.goal, "; ".join(absent))
        return
    label = "; ".join([PEERS[row.peer].label, *(f"not run: {why}" for why in absent)])
    yield rates(row.name, found["exportd"], found[row.peer], label, row.goal)
    yield processor_rates(row.name, found["exportd"], found[row.peer], label, row.goal)
    if row.higher in found:
        label = PEERS[row.higher].label
        yield rates(f"{row.format}_vs_chdb", found["exportd"], found[row.higher], label, _NO_GOAL)


def _zip_aes_overhead() -> Result:
    with Service("csv") as service:
        plain_and_locked: dict[str, Measure] = {
            "plain": lambda: service.export(1, "plain", packaging="ZIP"),
            "locked": lambda: service.export(1, "locked", packaging="ZIP", password=PASSWORD),
        }
        found = in_turns(plain_and_locked)
    plain, locked = found["plain"], found["locked"]
    goal = report.at_most(1.3)
    return compared(
        "zip_aes_overhead", "s", locked.seconds, plain.seconds, "the same ZIP without a password", locked.peak_mb, goal
    )


def _memory_flat(name: str, table_format: FormatName, goal: Goal, query: str = "") -> Result:
    peaks = []
    for millions, times in ((1, _TIMES), (10, 1)):
        parts(folder() / "rows", millions)
        with Service(table_format) as service:  # a new one, since a child keeps its peak
            for _ in range(times):
                ran = service.export(millions, query=query)
        check(ran)
        if ran.seconds > _PATIENCE_S and millions == 1:
            raise NotMeasured(f"1,000,000 rows took {ran.seconds:.0f} s: ten times that is too long")
        peaks.append(ran.peak_mb)
    return compared(name, "MB", peaks[1], peaks[0], f"1,000,000 rows, {table_format}", peaks[1], goal)


def _large(name: str, table_format: FormatName, millions: int) -> Result:
    parts(folder() / "rows", millions)
    with Service(table_format) as service:
        ran = service.export(millions)
    check(ran)
    return report.alone(name, "rows/s", ran.rows_per_s, ran.peak_mb)


def _peer_measure(name: str) -> Measure:
    suffix = name.split("-")[1] if name.startswith(_MANY_FORMATS) else "xlsx"
    suffix = "xlsx" if suffix == "excel" else suffix
    return lambda: in_fresh_process(name, parts(folder() / "rows", 1), folder() / "out" / f"{name}.{suffix}")
