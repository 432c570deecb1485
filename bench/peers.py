"""The peers of exportd: each function writes Parquet files into one file, as fast as its library can.

Decimals are passed as floats to libraries without decimals. `exportd` is the project's own writer alone.
"""

# ruff: noqa: PLC0415, S608 - a peer imports only its own library; the SQL is of this file
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.workload import COLUMNS

OPENPYXL_ROWS = 100_000
"""The rows for openpyxl. More would take minutes and show the same speed."""

_MONEY = ("subtotal", "total")
_MAX_PREFETCH_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer.

    `write(sources, out)` returns the number of rows written. Before the clock starts, `prepare` sets up the process and
    `modules` are imported.
    """

    label: str
    modules: tuple[str, ...]
    write: Callable[[list[str], str], int]
    prepare: Callable[[], None] = lambda: None


def as_a_child_of_the_worker() -> None:
    """Set up the process like those in which the service writes files."""
    from services.runtime import resources
    from services.worker import environment

    environment.prepare_polars(os.environ)
    resources.keep_memory(resources.OF_JOBS)


def exportd(sources: list[str], out: str, table_format: str) -> int:
    """Write with the writer and the source of the service, but without the service."""
    from bench.columns import columns
    from services.contract.formats import Format
    from services.contract.spec import JobSpec, Relation, SourceRef, TableOptions
    from services.worker.concurrency.prefetch import prefetch
    from services.worker.sources.access import RowOptions
    from services.worker.sources.files.settings import ParquetSettings
    from services.worker.sources.files.source import FileSource
    from services.worker.writers.registry import open_writer

    table, place = TableOptions(Format(table_format)), Path(sources[0])
    where = SourceRef("rows", "parquet"), Relation(path=place.name)
    spec = JobSpec("invoices", *where, key=(), columns=columns(), order=(), table=table, table_name="invoices")
    rows = FileSource(ParquetSettings("rows", place.parent), RowOptions(Path(out).parent))
    with Path(out).open("w+b") as file, rows.read(spec) as reading:
        writer = open_writer(table, file, columns(), "invoices")
        with prefetch(reading.batches(), _MAX_PREFETCH_BYTES, lambda batch: batch.nbytes) as batches:
            for batch in batches:
                writer.write(batch)
        writer.close()
        return writer.rows_written


def openpyxl(sources: list[str], out: str) -> int:
    """Write the first rows in write-only mode, the fastest mode of openpyxl."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("invoices")
    sheet.append(COLUMNS)
    left = OPENPYXL_ROWS
    for batch in _batches(sources):
        rows = batch.slice(0, left).set_column(3, "issued_at", batch["issued_at"].slice(0, left).cast("timestamp[us]"))
        for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
            sheet.append(row)
        left -= rows.num_rows
    book.save(out)
    return OPENPYXL_ROWS - left


def jetxl(sources: list[str], out: str) -> int:
    """Write an Arrow table."""
    from jetxl import write_sheet_arrow

    table = _table(sources).combine_chunks()
    write_sheet_arrow(table, out, sheet_name="invoices")
    return int(table.num_rows)


def rapidxlsx(sources: list[str], out: str) -> int:
    """Write a polars frame. The library has no dates, so they are written as texts."""
    import polars as pl
    from rapidxlsx import write

    frame = pl.DataFrame(pl.from_arrow(_table(sources)))
    write(out, frame.with_columns(pl.col("issued_at").dt.to_string("%F %T")), sheet_name="invoices")
    return frame.height


def rustpy_xlsxwriter(sources: list[str], out: str) -> int:
    """Write a polars frame."""
    import polars as pl
    from rustpy_xlsxwriter import FastExcel

    frame = pl.DataFrame(pl.from_arrow(_table(sources)))
    FastExcel(out).sheet("invoices", frame.with_columns(pl.col("issued_at").dt.replace_time_zone(None))).save()
    return frame.height


def duckdb_excel(sources: list[str], out: str) -> int:
    """Write with COPY … (format xlsx), which needs an extension."""
    return _copy(sources, out, "format xlsx, header true", "load excel")


def duckdb_csv(sources: list[str], out: str) -> int:
    """Write CSV with COPY."""
    return _copy(sources, out, "format csv, header true")


def duckdb_csv_sorted(sources: list[str], out: str) -> int:
    """Write sorted rows to CSV with COPY."""
    return _copy(sources, out, "format csv, header true", order=" order by uuid")


def duckdb_jsonl(sources: list[str], out: str) -> int:
    """Write JSON Lines with COPY."""
    return _copy(sources, out, "format json, array false")


def chdb_csv(sources: list[str], out: str) -> int:
    """Write CSV with embedded ClickHouse."""
    return _chdb(sources, out, "CSVWithNames")


def chdb_jsonl(sources: list[str], out: str) -> int:
    """Write JSON Lines with embedded ClickHouse."""
    return _chdb(sources, out, "JSONEachRow")


def pyarrow_parquet(sources: list[str], out: str) -> int:
    """Write Parquet with the row groups of the source and zstd."""
    import pyarrow.parquet as pq

    rows = 0
    with pq.ParquetWriter(out, pq.read_schema(sources[0]), compression="zstd") as writer:
        for source in sources:
            table = pq.read_table(source)
            writer.write_table(table)
            rows += table.num_rows
    return rows


def _batches(sources: list[str]) -> Iterator[Any]:
    """Yield batches of the size that the service reads."""
    import pyarrow.parquet as pq

    from services.worker.sources.rows.reading import BATCH_ROWS

    for source in sources:
        yield from pq.ParquetFile(source).iter_batches(BATCH_ROWS)


def _table(sources: list[str]) -> Any:
    """Return all rows at once, with money as floats."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.concat_tables([pq.read_table(source) for source in sources])
    for name in _MONEY:
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(pa.float64()))
    return table


def _copy(sources: list[str], out: str, options: str, before: str = "", order: str = "") -> int:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"set threads = {os.cpu_count()}; set TimeZone = 'UTC'; {before}")
        done = connection.execute(f"copy (select * from read_parquet({sources!r}){order}) to '{out}' ({options})")
        return int((done.fetchone() or (0,))[0])


def _chdb(sources: list[str], out: str, table_format: str) -> int:
    import chdb

    query: Any = chdb.query
    paths = sources[0] if len(sources) == 1 else "{" + ",".join(sources) + "}"
    rows = f"select * from file('{paths}', Parquet)"
    settings = "date_time_output_format = 'iso', session_timezone = 'UTC', engine_file_truncate_on_insert = 1"
    query(f"insert into function file('{out}', '{table_format}') {rows} settings {settings}")
    return int(str(query(f"select count() from file('{paths}', Parquet)")))


PEERS = {
    "exportd-xlsx": Peer(
        "exportd's writer",
        (
            "services.worker.writers.registry",
            "pyarrow.parquet",
            "bench.columns",
            "services.worker.sources.files.source",
            "duckdb",
        ),
        lambda sources, out: exportd(sources, out, "XLSX"),
        as_a_child_of_the_worker,
    ),
    "openpyxl": Peer("openpyxl write-only", ("openpyxl", "lxml", "pyarrow.parquet"), openpyxl),
    "jetxl": Peer("jetxl", ("jetxl", "pyarrow.parquet"), jetxl),
    "rapidxlsx": Peer("rapidxlsx", ("rapidxlsx", "polars", "pyarrow.parquet"), rapidxlsx),
    "rustpy-xlsxwriter": Peer(
        "rustpy-xlsxwriter", ("rustpy_xlsxwriter", "polars", "pyarrow.parquet"), rustpy_xlsxwriter
    ),
    "duckdb-excel": Peer("DuckDB COPY (excel)", ("duckdb",), duckdb_excel),
    "duckdb-csv": Peer("DuckDB COPY", ("duckdb",), duckdb_csv),
    "duckdb-csv-sorted": Peer("DuckDB COPY … order by uuid", ("duckdb",), duckdb_csv_sorted),
    "duckdb-jsonl": Peer("DuckDB COPY", ("duckdb",), duckdb_jsonl),
    "chdb-csv": Peer("chDB (ClickHouse), of the extra bench-chdb", ("chdb",), chdb_csv),
    "chdb-jsonl": Peer("chDB (ClickHouse), of the extra bench-chdb", ("chdb",), chdb_jsonl),
    "pyarrow-parquet": Peer("pyarrow", ("pyarrow.parquet",), pyarrow_parquet),
}
