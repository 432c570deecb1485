"""Rows of Parquet and CSV files in a folder or an object store.

DuckDB reads them, except for Parquet files that only need to be decoded.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from services.contract.spec import All, JobSpec, Kind
from services.worker.ports import Reading
from services.worker.sources import errors
from services.worker.sources.access import RowOptions
from services.worker.sources.duckdb import dialect
from services.worker.sources.duckdb.connection import register, undecidable_place
from services.worker.sources.duckdb.types import Columns
from services.worker.sources.files import exact, parquet
from services.worker.sources.files.csv_files import csv_files_of
from services.worker.sources.files.listing import Files, listed
from services.worker.sources.files.memory import MemoryLimits
from services.worker.sources.files.place import Directory
from services.worker.sources.files.relation import Part, Relation, joined
from services.worker.sources.files.settings import FileSettings
from services.worker.sources.files.whole import row_groups
from services.worker.sources.rows.columns import (
    NameAmbiguous,
    SourceColumn,
    named,
    order_types,
    source_columns,
    used_names,
    with_key,
)
from services.worker.sources.rows.conditions import Sql, literal
from services.worker.sources.rows.invalid_values import key_text
from services.worker.sources.rows.page import rows_on, sql_limit
from services.worker.sources.rows.reading import BATCH_ROWS, ReadingFacts, SnapshotReading
from services.worker.sources.stores.s3 import tls_words

if TYPE_CHECKING:
    import duckdb

_NAME_NOT_UTF8 = "Invalid unicode (byte sequence mismatch) detected in value construction"
"""Part of DuckDB's message for a schema with such a name. The message for a text of a row is different."""

Connected = Callable[[str, int], "duckdb.DuckDBPyConnection"]
"""Opens a connection with a memory limit and a number of threads. It is closed with the reading."""


class FileSource:
    """The Source of Parquet or CSV files below one root.

    With `careful` options, DuckDB reads Parquet files that only need to be decoded as well: it survives any content and
    any change of them. `without_rows`: all files are examined and no rows are returned.
    """

    def __init__(
        self,
        settings: FileSettings,
        options: RowOptions = RowOptions(),  # noqa: B008 - frozen
        memory: MemoryLimits = MemoryLimits(),  # noqa: B008 - frozen
        *,
        without_rows: bool = False,
    ) -> None:
        self._settings = settings
        self._options = options
        self._memory = memory
        self._without_rows = without_rows

    @contextmanager
    def read(self, spec: JobSpec) -> Iterator[Reading]:
        """See ports.Source. Raises SourceFailed. The files are listed when the method is called."""
        as_of = datetime.now(UTC)
        files = listed(self._settings, spec.relation.path, spec.filter)
        whole = (
            None if self._options.careful or self._without_rows else row_groups.opened(files, spec, as_of, self._memory)
        )
        if whole:
            yield whole
            return
        with ExitStack() as stack:
            scratch = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="files-", dir=self._options.temp_dir))
            )

            def connected(memory: str, threads: int) -> "duckdb.DuckDBPyConnection":
                return stack.enter_context(connection(files, scratch, memory=memory, threads=threads))

            engine = Engine(connected, _threads(files, spec, self._options.threads), files, scratch, self._memory)
            yield engine.open(spec, as_of, without_rows=self._without_rows)


class Engine:
    """DuckDB over a fixed list of files, for one reading at a time."""

    def __init__(self, connected: Connected, threads: int, files: Files, scratch: Path, memory: MemoryLimits) -> None:
        self._connected = connected
        self._memory = memory
        self._connection = connected(memory.usual, threads)
        self._files = files
        self._settings = files.settings
        self._filtered: tuple[JobSpec, Relation] | None = None
        self._csv = csv_files_of(files, scratch)
        self._without_rows = False

    def open(self, spec: JobSpec, as_of: datetime, *, without_rows: bool = False) -> Reading:
        """Open a reading of the spec. Raises SourceFailed."""
        self._without_rows = without_rows
        try:
            return self._reading(spec, as_of)
        except errors.SourceFailed as failed:
            if self._csv is None or not self._csv.mended(failed):
                raise
            return self._reading(spec, as_of)

    def _reading(self, spec: JobSpec, as_of: datetime) -> Reading:
        relation = self._relation(spec)
        self._filtered = spec, relation
        columns = relation.columns
        matching = dialect.where(spec.filter, columns)
        selection = _with_key(source_columns(spec, deciding=False), spec, columns)
        count, rounded = self._count(selection, relation, matching)
        rest = f"{matching.text}{dialect.order(spec, columns)}{sql_limit(spec.page)}"
        values = ", ".join(f"{columns.value(c.name, c.type)} as c{i}" for i, c in enumerate(selection))
        statement = f"select {values} from {relation.sql} where {rest}"  # noqa: S608 - quoted
        facts = ReadingFacts(
            as_of, rows_on(spec.page, count), rounded=rounded, utf8=True, time_zone=self._settings.time_zone
        )
        return SnapshotReading(self._batches(statement, matching), selection, facts)

    def _relation(self, spec: JobSpec) -> Relation:
        used, names = used_names(spec), named(spec)
        try:
            with self._guarded():
                parts = self._csv.parts(names) if self._csv else self._parquet(spec, names)
        except NameAmbiguous as ambiguous:
            raise errors.column_ambiguous(self._settings.id, ambiguous.name) from ambiguous
        relation = joined(parts, spec, self._settings)
        absent = [name for name in used if name not in relation.columns.stored]
        if absent:
            hint = self._csv.missing_hint() if self._csv else ""
            raise errors.column_missing(self._settings.id, absent, hint)
        return relation.without_rows() if self._without_rows else relation

    def _parquet(self, spec: JobSpec, used: list[str]) -> list[Part]:
        lengths = [name for name, type_ in order_types(spec).items() if type_.kind is Kind.DURATION]
        return parquet.parts(self._files, used, self._run, lengths)

    def _run(self, statement: str) -> list[tuple[Any, ...]]:
        return self._rows(Sql(statement))

    def _count(self, selection: tuple[SourceColumn, ...], relation: Relation, matching: Sql) -> tuple[int, int]:
        finer = filter(None, (relation.columns.rounded(c.name, c.type) for c in selection))
        rounded = " + ".join(f"count(*) filter (where {condition})" for condition in finer) or "0"
        count = f"select count(*), {rounded} from {relation.sql} where {matching.text}"  # noqa: S608 - quoted
        row = self._rows(Sql(count, matching.parameters))[0]
        return row[0], row[1]

    def _rows(self, sql: Sql) -> list[tuple[Any, ...]]:
        with self._guarded():
            return self._connection.execute(sql.text, list(sql.parameters)).fetchall()

    def _batches(self, statement: str, matching: Sql) -> Iterator[pa.RecordBatch]:
        with self._guarded():
            yield from self._with_memory(statement, matching)
        if not self._files.unchanged():
            raise errors.changed(self._settings.id)

    def _with_memory(self, statement: str, matching: Sql) -> Iterator[pa.RecordBatch]:
        """Yield the rows. While no row has been returned, retry with more memory if the rows do not fit."""
        for memory in (*self._memory.more, ""):
            begun = False
            try:
                rows = self._connection.sql(statement, params=list(matching.parameters))
                for batch in rows.to_arrow_reader(BATCH_ROWS):
                    begun = True
                    yield batch
            except Exception as error:
                if begun or not memory or not _is_short_of_memory(error):
                    raise
                self._connection.close()
                self._connection = self._connected(memory, 1)
            else:
                return

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        import duckdb  # noqa: PLC0415 - only a child that reads needs it

        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> errors.SourceFailed:
        import duckdb  # noqa: PLC0415

        place = undecidable_place(error)
        if place is not None and self._filtered is not None:
            return self._undecidable(*self._filtered, place)
        if not self._files.unchanged():
            return errors.changed(self._settings.id)
        if _is_short_of_memory(error):
            return errors.rows_too_wide(self._settings.id)
        fault = self._csv.fault(error) if self._csv else None
        if fault:  # looked for first, because Arrow turns it into an OSError
            return fault
        if isinstance(error, duckdb.IOException | OSError):
            return errors.unavailable(self._settings.id, tls_words(error))
        return unreadable(self._settings, error)

    def _undecidable(self, spec: JobSpec, relation: Relation, index: int) -> errors.SourceFailed:
        """Return the failure for an invalid value that decides whether its row matches.

        A query finds the first such row and its key.
        """
        columns = relation.columns
        place = dialect.doubtful_places(spec.filter, columns)[index]
        selection = _with_key(source_columns(spec, deciding=True), spec, columns)
        column = next(c for c in selection if (c.name, c.type) == place)
        if column.secret:
            return errors.undecidable(column.label, column.type)
        key = list({c.name: None for c in selection if c.in_key})
        condition = dialect.undecidable(spec.filter, columns, place)
        texts = ", ".join(columns.text(name) for name in (column.name, *key))
        first = f"select {texts} from {relation.sql} where {condition.text} limit 1"  # noqa: S608 - quoted
        rows = self._rows(Sql(first, condition.parameters))
        if not rows:
            return errors.changed(self._settings.id)
        value, *of_key = rows[0]
        return errors.undecidable(column.label, column.type, value, key_text(zip(key, of_key, strict=True)))


def _with_key(selection: tuple[SourceColumn, ...], spec: JobSpec, columns: Columns) -> tuple[SourceColumn, ...]:
    """Add the columns of the key that the files have, so that messages can say which row they mean."""
    return tuple(c for c in with_key(selection, spec) if c.name in columns.stored)


def unreadable(settings: FileSettings, error: Exception) -> errors.SourceFailed:
    """Return the failure for a file that cannot be read as its kind."""
    why = ": the name of a column is not UTF-8" if _NAME_NOT_UTF8 in str(error) else ""
    return errors.relation_invalid(settings.id, f"{settings.kind}{why}")


def _is_short_of_memory(error: Exception) -> bool:
    """Whether DuckDB ran out of memory. Arrow's streams turn the error into an OSError with DuckDB's message."""
    return "Out of Memory Error" in str(error)


def _threads(files: Files, spec: JobSpec, most: int) -> int:
    """Return the number of threads. One is enough for decoding alone: writers are slower and use the other core."""
    only_decoding = files.settings.has_row_groups and not spec.order and spec.filter == All()
    return 1 if only_decoding and isinstance(files.place, Directory) else most


@contextmanager
def connection(files: Files, scratch: Path, *, memory: str, threads: int) -> Iterator["duckdb.DuckDBPyConnection"]:
    """Connect to a DuckDB that can read only the files and `scratch`. Raises duckdb.Error or OSError."""
    import duckdb  # noqa: PLC0415 - only a child that reads needs it

    spill = tempfile.mkdtemp(prefix="sort-", dir=scratch)
    try:
        config: dict[str, str | bool | int | float | list[str]] = {
            "arrow_large_buffer_size": "true",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": memory,
            "preserve_insertion_order": "true",
            "temp_directory": spill,
            "threads": threads,
        }
        with duckdb.connect(":memory:", config=config) as connection:
            register(connection, files.settings.time_zone)
            exact.register(connection, files)
            files.place.attach(connection, files.marks)
            copies = literal(f"{scratch}{os.sep}")
            connection.execute(f"set allowed_directories = [{files.place.allowed}, {copies}]")
            connection.execute("set enable_external_access = false")
            connection.execute("set lock_configuration = true")
            yield connection
    finally:
        shutil.rmtree(spill, ignore_errors=True)
