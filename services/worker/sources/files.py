"""Rows of Parquet and CSV files below a directory or in an object store, through DuckDB."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from services.contract.spec import All, JobSpec
from services.worker.ports import Reading
from services.worker.sources import duck, errors, refine
from services.worker.sources.columns import Picked, missing, pick
from services.worker.sources.conditions import Sql, literal
from services.worker.sources.listing import Files, listed
from services.worker.sources.page import rows_on, sql_limit
from services.worker.sources.reading import BATCH_ROWS, Found, SnapshotReading
from services.worker.sources.settings import SourceSettings

if TYPE_CHECKING:
    import duckdb

_MEMORY = "256MB"  # of DuckDB; twice as much sorts no faster
_THREADS = 2


class FileSource:
    """Parquet or CSV files below one root. Big sorts spill into `temp_dir`, None being the system's."""

    def __init__(self, settings: SourceSettings, temp_dir: Path | None = None) -> None:
        self._settings = settings
        self._temp_dir = temp_dir

    @contextmanager
    def read(self, spec: JobSpec) -> Iterator[Reading]:
        """See ports.Source. Raises SourceFailed. The files are those of the moment that it is called."""
        as_of = datetime.now(UTC)
        files = listed(self._settings, spec.relation.path, spec.filter)
        threads = _threads(files, spec, remote=self._settings.objects is not None)
        with _engine(files, self._temp_dir, self._settings.time_zone, threads) as engine:
            yield engine.open(spec, as_of)


class _Engine:
    """DuckDB over a fixed list of files."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", files: Files, time_zone: str) -> None:
        self._connection = connection
        self._time_zone = time_zone
        self._files = files
        self._relation = f"({files.relation}) as r"

    def open(self, spec: JobSpec, as_of: datetime) -> Reading:
        columns = self._columns(spec)
        matching = duck.where(spec.filter, columns)
        picked = pick(spec, deciding=False)
        count, rounded = self._count(picked, columns, matching)
        rest = f"{matching.text}{duck.order(spec, columns)}{sql_limit(spec.page)}"
        values = ", ".join(f"{columns.value(p.name, p.type)} as c{i}" for i, p in enumerate(picked))
        statement = f"select {values} from {self._relation} where {rest}"  # noqa: S608 - quoted
        found = Found(as_of, rows_on(spec.page, count), rounded=rounded, utf8=True, time_zone=self._time_zone)
        return SnapshotReading(self._batches(statement, matching), picked, found)

    def _columns(self, spec: JobSpec) -> duck.Columns:
        described = self._rows(Sql(f"describe select * from {self._relation}"))  # noqa: S608 - quoted
        stored = {str(name).casefold(): str(type_) for name, type_, *_ in described}
        absent = missing(spec, stored)
        if absent:
            raise errors.column_missing(self._files.source_id, absent)
        return duck.Columns(stored, blank_is_null=self._files.kind == "csv")

    def _count(self, picked: tuple[Picked, ...], columns: duck.Columns, matching: Sql) -> tuple[int, int]:
        finer = filter(None, (columns.rounded(p.name, p.type) for p in picked))
        rounded = " + ".join(f"count(*) filter (where {condition})" for condition in finer) or "0"
        count = f"select count(*), {rounded} from {self._relation} where {matching.text}"  # noqa: S608 - quoted
        row = self._rows(Sql(count, matching.parameters))[0]
        return row[0], row[1]

    def _rows(self, sql: Sql) -> list[tuple[Any, ...]]:
        with self._guarded():
            return self._connection.execute(sql.text, list(sql.parameters)).fetchall()

    def _batches(self, statement: str, matching: Sql) -> Iterator[pa.RecordBatch]:
        with self._guarded():
            rows = self._connection.sql(statement, params=list(matching.parameters))
            yield from rows.to_arrow_reader(BATCH_ROWS)
        if not self._files.unchanged():
            raise errors.changed(self._files.source_id)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        import duckdb  # noqa: PLC0415 - only a child that reads needs it

        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> errors.SourceFailed:
        import duckdb  # noqa: PLC0415

        column = str(error).partition(duck.INVALID)[2].partition("\n")[0]
        if column:
            return errors.value_invalid(column, "of its type")
        if not self._files.unchanged():
            return errors.changed(self._files.source_id)
        if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException | OSError):
            return errors.unavailable(self._files.source_id)
        return errors.relation_invalid(self._files.source_id, self._files.kind)


def _threads(files: Files, spec: JobSpec, *, remote: bool) -> int:
    """One where decoding is all there is to do: writers are slower than that, and want the other core."""
    only_decoding = files.kind == "parquet" and not spec.order and spec.filter == All()
    return 1 if only_decoding and not remote else _THREADS


@contextmanager
def _engine(files: Files, temp_dir: Path | None, time_zone: str, threads: int) -> Iterator[_Engine]:
    import duckdb  # noqa: PLC0415 - only a child that reads needs it
    from duckdb.func import ARROW  # noqa: PLC0415

    spill = tempfile.mkdtemp(prefix="sort-", dir=temp_dir)
    try:
        config: dict[str, str | bool | int | float | list[str]] = {
            "arrow_large_buffer_size": "true",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": _MEMORY,
            "preserve_insertion_order": "true",
            "temp_directory": spill,
            "threads": threads,
        }
        with duckdb.connect(":memory:", config=config) as connection:
            connection.create_function(
                duck.FOLDED,
                lambda text: refine.folded(text.combine_chunks()),
                ["VARCHAR"],
                "VARCHAR",
                type=ARROW,
                side_effects=False,
            )
            files.place.shown_to(connection, files.marks)
            connection.execute(f"set TimeZone = {literal(time_zone)}")
            connection.execute(f"set allowed_directories = [{files.place.allowed}]")
            connection.execute("set enable_external_access = false")
            connection.execute("set lock_configuration = true")
            yield _Engine(connection, files, time_zone)
    finally:
        shutil.rmtree(spill, ignore_errors=True)
