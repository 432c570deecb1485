"""Reads values of Parquet files whose digits DuckDB would drop. Another reader reads them row by row when DuckDB asks.

These are decimals of more than 38 digits, and the nanoseconds of timestamps of 96 bits.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from services.worker.sources.files.listing import Files

if TYPE_CHECKING:
    import duckdb

DIGITS = "exportd_digits"
"""SQL function that returns a decimal with all digits as text, given a column, a file and a row."""
FINER = "exportd_finer"
"""SQL function that returns whether a timestamp has digits beyond microseconds."""
_MAX_GROUPS = 8
"""Number of decoded row groups of a column that are kept."""

_Decode = Callable[[Any, int, str], Any]
"""Decodes a column of a row group of an open file into an Arrow array."""


def register(connection: "duckdb.DuckDBPyConnection", files: Files) -> None:
    """Register the SQL functions for values of these files."""
    from duckdb.func import ARROW, SPECIAL  # noqa: PLC0415 - only a child that reads needs it

    for name, decode, result in ((DIGITS, _decimals, "VARCHAR"), (FINER, _finer, "BOOLEAN")):
        values = _Values(files, decode)
        arguments: list[Any] = ["VARCHAR", "VARCHAR", "BIGINT"]
        connection.create_function(
            name, values.of_rows, arguments, result, type=ARROW, null_handling=SPECIAL, side_effects=False
        )


class _Values:
    """Values of columns by file and row. Several threads of DuckDB may call it at the same time."""

    def __init__(self, files: Files, decode: _Decode) -> None:
        self._place = files.place
        self._paths = {files.place.name_in_duckdb(path): path for path in files.marks}
        self._decode = decode
        self._starts: dict[str, Any] = {}
        self._groups: OrderedDict[tuple[str, str, int], Any] = OrderedDict()
        self._lock = threading.Lock()

    def of_rows(self, columns: Any, files: Any, rows: Any) -> Any:
        """Return one value for each row. The column is the same for all rows."""
        column, numbers = columns[0].as_py(), rows.to_numpy()
        values = np.empty(len(numbers), object)
        names = np.array(files.to_pylist(), object)
        for name in dict.fromkeys(names):
            of_file = np.flatnonzero(names == name)
            values[of_file] = self._of_file(column, self._paths[name], numbers[of_file])
        return pa.array(values, pa.string() if self._decode is _decimals else pa.bool_())

    def _of_file(self, column: str, path: str, rows: Any) -> Any:
        values = np.empty(len(rows), object)
        with self._lock:
            starts = self._starts_of(path)
            groups = np.searchsorted(starts, rows, "right") - 1
            for group in np.unique(groups):
                inside = np.flatnonzero(groups == group)
                there = self._group(column, path, int(group)).take(pa.array(rows[inside] - starts[group]))
                values[inside] = [_plain(value) for value in there.to_pylist()]
        return values

    def _starts_of(self, path: str) -> Any:
        if path not in self._starts:
            with self._place.seekable(path) as source, pq.ParquetFile(source) as file:
                sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            self._starts[path] = np.cumsum([0, *sizes[:-1]])
        return self._starts[path]

    def _group(self, column: str, path: str, group: int) -> Any:
        key = (path, column, group)
        if key not in self._groups:
            with self._place.seekable(path) as source:
                self._groups[key] = self._decode(source, group, column)
            if len(self._groups) > _MAX_GROUPS:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return self._groups[key]


def _plain(value: Decimal | bool | None) -> str | bool | None:
    """Return a decimal with all digits as text, without zeros at the end of its fraction.

    Other values stay as they are.
    """
    if not isinstance(value, Decimal):
        return value
    digits = f"{value:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _decimals(source: Any, group: int, column: str) -> Any:
    return _read(source, group, column)


def _finer(source: Any, group: int, column: str) -> Any:
    """Return which timestamps have digits beyond microseconds.

    Outside the range of 64-bit nanoseconds both values wrap around in the same way, so their difference stays right.
    """
    nanoseconds = _read(source, group, column)
    source.seek(0)
    microseconds = _read(source, group, column, coerce_int96_timestamp_unit="us")
    if pa.types.is_nested(nanoseconds.type):
        return pa.array(_finer_inside(nanoseconds, microseconds))
    return _finer_moments(nanoseconds, microseconds)


def _finer_inside(nanoseconds: Any, microseconds: Any) -> Any:
    """Return the same for nested values: one result for each row."""
    types = nanoseconds.type, microseconds.type
    rows = zip(*(each.cast(_numbered(each.type)).to_pylist() for each in (nanoseconds, microseconds)), strict=True)
    return [_differ(types, values) for values in rows]


def _numbered(type_: Any) -> Any:
    """Return the type with integers in place of timestamps, which may be out of Python's range."""
    if pa.types.is_map(type_):
        return pa.map_(_numbered(type_.key_type), _numbered(type_.item_type))
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return pa.list_(_numbered(type_.value_type))
    if pa.types.is_struct(type_):
        return pa.struct([(field.name, _numbered(field.type)) for field in type_])
    return pa.int64() if pa.types.is_timestamp(type_) else type_


def _differ(types: tuple[Any, Any], values: tuple[Any, Any]) -> bool:
    """Whether a nested timestamp has digits beyond microseconds.

    The first type stores it in a finer unit than the second.
    """
    (fine, coarse), (first, second) = types, values
    if first is None or fine == coarse:
        return False
    if pa.types.is_timestamp(fine):
        return bool((first - second * 1_000) % 2**64)
    if pa.types.is_struct(fine):
        pairs = zip(fine, coarse, strict=True)
        return any(_differ((f.type, c.type), (first[f.name], second[c.name])) for f, c in pairs)
    if pa.types.is_map(fine):
        of_parts = ((fine.key_type, coarse.key_type), (fine.item_type, coarse.item_type))
        entries = (zip(of_parts, zip(*both, strict=True), strict=True) for both in zip(first, second, strict=True))
        return any(_differ(types, values) for entry in entries for types, values in entry)
    return any(_differ((fine.value_type, coarse.value_type), both) for both in zip(first, second, strict=True))


def _finer_moments(nanoseconds: Any, microseconds: Any) -> Any:
    nanoseconds, microseconds = nanoseconds.view(pa.int64()), microseconds.view(pa.int64())
    with np.errstate(over="ignore"):
        rest = _numbers(nanoseconds) - _numbers(microseconds) * np.int64(1000)
    return pa.array(rest != 0)


def _numbers(values: Any) -> Any:
    return values.fill_null(0).to_numpy()


def _read(source: Any, group: int, column: str, **options: Any) -> Any:
    with pq.ParquetFile(source, **options) as file:
        return file.read_row_group(group, columns=[column]).column(0).combine_chunks()
