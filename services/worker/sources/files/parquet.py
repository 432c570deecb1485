"""Parquet files as parts of a relation, by their schemas.

Handles names that differ by case only, and values whose digits DuckDB would drop.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.worker.sources import errors
from services.worker.sources.duckdb.types import LENGTH, Stored
from services.worker.sources.files import exact, partitions
from services.worker.sources.files.listing import Files, hive_options
from services.worker.sources.files.relation import Part
from services.worker.sources.rows.columns import place_of
from services.worker.sources.rows.conditions import literal, quoted

_PER_UNIT = {"s": (1, 1_000_000), "ms": (1, 1_000), "us": (1, 1), "ns": (1_000, 1)}
"""For each unit: how many units make a microsecond, and how many microseconds make a unit."""

Run = Callable[[str], list[tuple[Any, ...]]]
"""Returns the rows of a statement. Raises SourceFailed."""

_MAX_DIGITS = 38
"""Most digits of a decimal in DuckDB. It reads longer decimals as doubles."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of a file. `type` is its type in DuckDB.

    `wide`: a decimal with more digits than DuckDB supports; `holds_wide`: such a decimal is nested in it.
    `holds_int96`: it is a timestamp of 96 bits, or one is nested in it. `unit`: the unit of integers that Arrow reads
    as durations, read only if the spec has the column as a duration; otherwise empty.
    """

    name: str
    type: str
    wide: bool = False
    holds_wide: bool = False
    holds_int96: bool = False
    unit: str = ""


@dataclass(frozen=True, slots=True)
class _Meant:
    """The column of a file that a name of the spec refers to, and its name in DuckDB."""

    column: _Column
    sql: str


_Shape = tuple[tuple[str, _Meant], ...]


def parts(files: Files, used: Sequence[str], run: Run, lengths: Collection[str] = ()) -> list[Part]:
    """Return the files in order, with neighbours that store the used columns in the same way joined into one part.

    `lengths` are the names of the columns that are durations in the spec. Raises SourceFailed, OSError or
    ArrowException.
    """
    schemas = _schemas(files, run)
    shapes: dict[tuple[object, ...], _Shape] = {}

    def shape(path: str) -> tuple[_Shape, object]:
        columns = _with_units(files, path, schemas[files.place.name_in_duckdb(path)], lengths)
        key = (columns, partitions.names(path))
        if key not in shapes:
            shapes[key] = _shape(files, path, columns, used, run)
        return shapes[key], columns if _has_twins(columns) else None

    return [_part(files, list(group), meant) for (meant, _), group in groupby(files.marks, shape)]


def whole(files: Files) -> str:
    """Return a relation of all columns of the files by name, as DuckDB reads them."""
    return f"read_parquet({files.names(files.marks)}, union_by_name = true, {hive_options(files)})"


def _part(files: Files, paths: list[str], meant: _Shape) -> Part:
    rows = f"read_parquet({files.names(paths)}, union_by_name = true, {hive_options(files)})"
    return Part(rows, {name: _stored(each) for name, each in meant})


def _stored(meant: _Meant) -> Stored:
    there = f"{literal(meant.column.name)}, filename, file_row_number"
    if meant.column.unit:
        return _length(meant)
    if meant.column.wide:
        return Stored(f"{exact.DIGITS}({there})", "VARCHAR")
    return Stored(meant.sql, meant.column.type, f"{exact.FINER}({there})" if meant.column.holds_int96 else "")


def _length(meant: _Meant) -> Stored:
    """Return a column that Arrow reads as a duration and the file stores as a number."""
    per, micros = _PER_UNIT[meant.column.unit]
    number = f"cast({meant.sql} as hugeint) * {micros} // {per}"
    return Stored(number, LENGTH, f"{meant.sql} % {per} <> 0" if per > 1 else "")


def _with_units(files: Files, path: str, columns: tuple[_Column, ...], lengths: Collection[str]) -> tuple[_Column, ...]:
    wanted = {name.casefold() for name in lengths}
    if not any(column.type == "BIGINT" and column.name.casefold() in wanted for column in columns):
        return columns
    with files.place.seekable(path) as source:
        units = {field.name: field.type.unit for field in pq.read_schema(source) if pa.types.is_duration(field.type)}
    return tuple(
        replace(column, unit=units.get(column.name, "")) if column.name.casefold() in wanted else column
        for column in columns
    )


def _has_twins(columns: Sequence[_Column]) -> bool:
    return len({column.name.casefold() for column in columns}) < len(columns)


def _shape(files: Files, path: str, columns: Sequence[_Column], used: Sequence[str], run: Run) -> _Shape:
    """Return the column for each name that the file has. DuckDB renames columns whose names differ by case only."""
    rows = f"read_parquet({files.names([path])}, {hive_options(files)})"
    described = [(str(name), str(type_)) for name, type_, *_ in run(f"describe select * from {rows}")]  # noqa: S608
    folders = {name.casefold() for name in partitions.names(path)}
    in_file = zip(columns, described[: len(columns)], strict=True)
    candidates = [_Meant(own, quoted(word)) for own, (word, _) in in_file if own.name.casefold() not in folders]
    candidates += [_Meant(_Column(name, t), quoted(name)) for name, t in described if name.casefold() in folders]
    meant = ((name, place_of(name, [each.column.name for each in candidates])) for name in used)
    found = tuple((name, candidates[place]) for name, place in meant if place is not None)
    for name, each in found:
        if each.column.holds_wide:
            raise errors.value_invalid(name, f"exact: it holds decimals of more than {_MAX_DIGITS} digits in others")
    return found


def _schemas(files: Files, run: Run) -> dict[str, tuple[_Column, ...]]:
    """Return the columns of each file by its name in DuckDB."""
    element = (
        "list([name, type, num_children::varchar, precision::varchar, logical_type, duckdb_type] order by column_id)"
    )
    of_file = f"select file_name, {element} as elements from parquet_schema({files.names(files.marks)}) group by all"  # noqa: S608
    rows = run(f"select list(file_name), elements from ({of_file}) group by elements")  # noqa: S608
    return {name: columns for names, elements in rows for columns in [_columns(elements)] for name in names}


def _columns(elements: Sequence[Sequence[str | None]]) -> tuple[_Column, ...]:
    """Return the columns of a schema. Its elements are listed depth first, starting with the schema itself."""
    columns, place = [], 1
    while place < len(elements):
        end = _end(elements, place)
        columns.append(_column(elements[place:end]))
        place = end
    return tuple(columns)


def _end(elements: Sequence[Sequence[str | None]], place: int) -> int:
    """Return the index of the next element that is not nested in this one."""
    left = 1
    while left:
        left += int(elements[place][2] or 0) - 1
        place += 1
    return place


def _column(elements: Sequence[Sequence[str | None]]) -> _Column:
    name, *_, type_ = elements[0]
    wide = any(int(precision or 0) > _MAX_DIGITS for *_, precision, _, _ in elements)
    alone = len(elements) == 1
    int96 = any(each == "INT96" for _, each, *_ in elements)
    return _Column(name or "", type_ or "", wide and alone, wide and not alone, int96)
