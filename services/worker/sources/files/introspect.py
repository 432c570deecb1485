"""Finds the tables below the root of a source of files. Each is one file, or several files named by a glob."""

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.contract.codes import FailureCode
from services.contract.spec import All, ColumnType, Kind
from services.worker.sources import errors
from services.worker.sources.errors import SourceFailed
from services.worker.sources.files import parquet
from services.worker.sources.files.csv_files import CsvFiles, csv_files_of
from services.worker.sources.files.listing import Files, listed
from services.worker.sources.files.memory import MemoryLimits
from services.worker.sources.files.settings import CsvSettings, FileSettings
from services.worker.sources.files.source import connection, unreadable
from services.worker.sources.introspect import duckdb_types
from services.worker.sources.introspect.tables import GUESSED, SAMPLE, LiveColumn, LiveTable, TableNames
from services.worker.sources.introspect.types import type_of_texts
from services.worker.sources.rows.conditions import quoted
from services.worker.sources.said import told
from services.worker.sources.stores import globs

_ENDINGS = {"parquet": ("parquet", "pq", "parq"), "csv": ("csv", "tsv", "tab")}
_DIGITS = re.compile(r"\d+")
_PARTITION = re.compile(r"[^/=]+=[^/=]*|[_.-]*\d[\d_.-]*")
"""Folders that belong to one table, such as `year=2026` or `2026-01`."""
_WILD = re.compile(r"([*?\[])")
_WIDE = "a decimal of more than 38 digits"


def tables(settings: FileSettings, names: TableNames) -> list[LiveTable]:
    """See kind.Introspect. `table` is a file, a glob or the name of a table."""
    found = list(_found(settings))
    meant = [pattern for pattern in found if names.table in ("", pattern, _name(pattern))]
    asked = [names.table] if names.table and not meant and _paths(settings, names.table) else []
    return [_table_or_why(settings, pattern) for pattern in meant or asked]


def _found(settings: FileSettings) -> Iterator[str]:
    """Yield a path or a glob for each table. Files of one folder with the same columns are one table."""
    paths = [path for ending in _ENDINGS[settings.kind] for path in _paths(settings, f"**/*.{ending}")]
    for folder, grouped in groupby(sorted(paths, key=_folder), _folder):
        yield from _of_folder(settings, folder, list(grouped))


def _paths(settings: FileSettings, pattern: str) -> list[str]:
    try:
        return list(listed(settings, pattern, All()).marks)
    except SourceFailed as failed:
        if failed.code == FailureCode.RELATION_MISSING:
            return []
        raise


def _of_folder(settings: FileSettings, folder: str, paths: list[str]) -> Iterator[str]:
    """Yield the tables of a folder.

    Files with the same columns are one table. Otherwise, and at the root, each set of numbered files is one.
    """
    endings = {path.rpartition(".")[2] for path in paths}
    if folder and len(paths) > 1 and len(endings) == 1 and _are_alike(settings, paths):
        yield f"{folder}*.{endings.pop()}"
        return
    for pattern, grouped in groupby(sorted(paths, key=_numbered), _numbered):
        same = list(grouped)
        is_one = len(same) > 1 and _are_alike(settings, same)
        yield from [pattern] if is_one else [f"{folder}{_escaped(path.rpartition('/')[2])}" for path in same]


def _folder(path: str) -> str:
    """Return the glob of the file's folders, with a slash at the end. Partitions and numbers become `*`."""
    steps = path.split("/")[:-1]
    return "".join(f"{'*' if _PARTITION.fullmatch(step) else _escaped(step)}/" for step in steps)


def _numbered(path: str) -> str:
    """Return the path with `*` for each number in the file's name."""
    name, dot, ending = path.rpartition("/")[2].rpartition(".")
    return f"{_folder(path)}{_DIGITS.sub('*', _escaped(name))}{dot}{ending}"


def _escaped(path: str) -> str:
    """Return a glob that matches only this path."""
    return _WILD.sub(r"[\1]", path)


def _are_alike(settings: FileSettings, paths: Sequence[str]) -> bool:
    """Whether the first and the last file have the same columns."""
    try:
        first, last = ([c.name for c in relation_columns(settings, _escaped(path))] for path in (paths[0], paths[-1]))
    except SourceFailed:
        return False
    return first == last


def _table_or_why(settings: FileSettings, pattern: str) -> LiveTable:
    name = _name(pattern) or settings.id
    try:
        columns = relation_columns(settings, pattern)
    except SourceFailed as failed:
        return LiveTable(pattern, name, (), (), note=told(failed), read_by="file", needs_key=False)
    return LiveTable(pattern, name, (), tuple(columns), read_by="file", needs_key=False)


def _name(pattern: str) -> str:
    """Return a name for the table: that of the file, or of the last folder that does not consist of wildcards."""
    *folders, file = globs.steps(pattern)
    steps = [*folders, file.rpartition(".")[0]]
    names = [re.sub(r"[^\w]+", " ", step.replace("*", "")).strip() for step in steps]
    return next((name for name in reversed(names) if re.search(r"[^\W\d_]", name)), "")


def relation_columns(settings: FileSettings, pattern: str) -> list[LiveColumn]:
    """Return the columns of the files that a path or a glob names, from their schema or first rows.

    Raises SourceFailed.
    """
    files = listed(settings, pattern, All())
    with tempfile.TemporaryDirectory(prefix="files-") as scratch:
        csv_files = csv_files_of(files, Path(scratch))
        try:
            return _columns(files, csv_files, Path(scratch))
        except SourceFailed as failed:
            if csv_files is None or not csv_files.mended(failed):
                raise
            return _columns(files, csv_files, Path(scratch))


def _columns(files: Files, csv_files: CsvFiles | None, scratch: Path) -> list[LiveColumn]:
    with _asking(files, csv_files, scratch) as (ask, relation):
        described = [(str(row[0]), str(row[1])) for row in ask(f"describe select * from {relation}")]  # noqa: S608
        texts = [name for name, stored in described if _is_text(files, name) or duckdb_types.is_doubtful(stored)]
        selected = ", ".join(f"cast(r.{quoted(name)} as varchar)" for name in texts)
        rows = ask(f"select {selected} from {relation} as r limit {SAMPLE}") if texts else []  # noqa: S608
    values = dict(zip(texts, zip(*rows, strict=True), strict=True)) if rows else {}
    schema = _schema(files)
    odd = {field.name: odd for field in schema if (odd := _odd(field.type))}
    own = _own_names([name for name, _ in described], schema.names)
    return [
        LiveColumn(name, *odd[name]) if name in odd else _column(files, name, stored, values.get(word, ()))
        for name, (word, stored) in zip(own, described, strict=True)
    ]


def _own_names(words: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Yield the file's own names of the columns. Where two differ by case only, DuckDB renames some."""
    for place, word in enumerate(words):
        own = names[place] if place < len(names) else word
        yield word if word.casefold() == own.casefold() else own


def _odd(type_: pa.DataType) -> tuple[ColumnType, str, str] | None:
    """Return the type, comment and note of a column for which Arrow's type is more precise; otherwise None."""
    if pa.types.is_decimal256(type_):
        return ColumnType(Kind.TEXT), "", _WIDE
    return (ColumnType(Kind.DURATION), "", "") if pa.types.is_duration(type_) else None


def _column(files: Files, name: str, stored: str, values: Iterable[str | None]) -> LiveColumn:
    texts = [value for value in values if value is not None and (value or not files.settings.blank_is_null)]
    if _is_text(files, name):
        return LiveColumn(name, type_of_texts(texts), note=GUESSED if texts else "no values to guess from")
    return duckdb_types.live_column(name, stored, texts)


def _is_text(files: Files, name: str) -> bool:
    """Whether the values are texts that may stand for any type: those of CSV, and of folder names."""
    pairs = [step.partition("=")[0].casefold() for path in files.marks for step in path.split("/")[:-1] if "=" in step]
    return isinstance(files.settings, CsvSettings) or (files.partitioned and name.casefold() in pairs)


def _schema(files: Files) -> pa.Schema:
    """Return the schema of the first file; empty for CSV."""
    if isinstance(files.settings, CsvSettings):
        return pa.schema([])
    first = next(iter(files.marks))
    try:
        with files.place.seekable(first) as file:
            return pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        raise errors.relation_invalid(files.settings.id, files.settings.kind) from error


@contextmanager
def _asking(
    files: Files, csv_files: CsvFiles | None, scratch: Path
) -> Iterator[tuple[Callable[[str], list[tuple[Any, ...]]], str]]:
    """Yield a function that runs statements over the files, and the relation of all their columns.

    Raises SourceFailed.
    """
    import duckdb  # noqa: PLC0415 - only a child that reads needs it

    try:
        with connection(files, scratch, memory=MemoryLimits().usual, threads=1) as connected:
            relation = csv_files.whole() if csv_files else parquet.whole(files)
            yield lambda sql: connected.execute(sql).fetchall(), relation
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        fault = csv_files.fault(error) if csv_files else None
        raise fault or unreadable(files.settings, error) from error
