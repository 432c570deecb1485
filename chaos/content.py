"""Checks tables: whether a file holds the rows of its collection, and whether each row names its attachments."""

import csv
import json
import zipfile
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO, StringIO
from typing import Any, TypeAlias

from python_calamine import CalamineWorkbook

from chaos.workload import ROWS, attachment, attachment_path, rows

Table: TypeAlias = tuple[list[str], list[tuple[Any, ...]]]
"""The names of the columns, and the rows."""

FILES_COLUMN = "files"


class BadContent(Exception):
    """A file does not hold what its export asked for."""


class DuplicateRow(BadContent):
    """A file has a row more than once."""


class BadAttachment(BadContent):
    """An attachment differs from the source's, is missing, or was not asked for."""


class TableReader:
    """Checks tables. A table that was right once is recognized by its digest and not read again."""

    def __init__(self) -> None:
        self._right: set[tuple[str, tuple[str, ...], str]] = set()

    def check(self, table: bytes, extension: str, collection: str, file_types: tuple[str, ...]) -> None:
        """Raise BadContent unless the bytes hold each row of the collection once, in order.

        With `file_types` each row must name its attachments; otherwise BadAttachment is raised.
        """
        seen = (collection, file_types, _digest(table, extension))
        if seen in self._right:
            return
        columns, table_rows = _READERS[extension](table)
        expected = ["n", "text", *([FILES_COLUMN] if file_types else [])]
        if columns != expected:
            raise BadContent(f"columns {columns} instead of {expected}")
        _check_rows(table_rows, collection)
        if file_types:
            _check_names(table_rows, file_types)
        self._right.add(seen)


def entry_name(file_type: str, n: int) -> str:
    """Return the name of an attachment's entry in a ZIP."""
    return f"files/{file_type}/{n}_{attachment_path(file_type, n)}"


def _check_rows(table_rows: list[tuple[Any, ...]], collection: str) -> None:
    if len({str(cells[0]) for cells in table_rows}) < len(table_rows):
        raise DuplicateRow(f"{len(table_rows)} rows, and not all of them different")
    for cells, expected in zip(table_rows, rows(collection), strict=False):
        if (int(cells[0]), str(cells[1])) != expected:
            raise BadContent(f"{cells} where {expected} belongs")
    if len(table_rows) != ROWS[collection]:
        raise BadContent(f"{len(table_rows)} rows instead of {ROWS[collection]}")


def _check_names(table_rows: list[tuple[Any, ...]], file_types: tuple[str, ...]) -> None:
    for n, cells in enumerate(table_rows):
        expected = [entry_name(file_type, n) for file_type in file_types if attachment(file_type, n) is not None]
        names = cells[2].split("; ") if cells[2] and isinstance(cells[2], str) else cells[2] or []
        if names != expected:
            raise BadAttachment(f"row {n} names {names} instead of {expected}")


def _digest(table: bytes, extension: str) -> str:
    """Return a digest that does not depend on the time of writing.

    For a workbook it is computed from the entries without the properties.
    """
    if extension != "xlsx":
        return sha256(table).hexdigest()
    with zipfile.ZipFile(BytesIO(table)) as book:
        names = [name for name in book.namelist() if not name.startswith("docProps/")]
        return sha256(b"".join(name.encode() + sha256(book.read(name)).digest() for name in names)).hexdigest()


def _from_csv(table: bytes) -> Table:
    columns, *table_rows = csv.reader(StringIO(table.decode(), newline=""))
    return columns, [tuple(cells) for cells in table_rows]


def _from_json(table: bytes) -> Table:
    return _from_objects(json.loads(table))


def _from_jsonl(table: bytes) -> Table:
    return _from_objects([json.loads(line) for line in table.splitlines()])


def _from_objects(objects: list[dict[str, Any]]) -> Table:
    columns = list(objects[0]) if objects else []
    return columns, [tuple(each[column] for column in columns) for each in objects]


def _from_xlsx(table: bytes) -> Table:
    columns, *table_rows = CalamineWorkbook.from_filelike(BytesIO(table)).get_sheet_by_index(0).to_python()
    return [str(column) for column in columns], [(str(n).removesuffix(".0"), *rest) for n, *rest in table_rows]


def _from_parquet(table: bytes) -> Table:
    import pyarrow.parquet as pq  # noqa: PLC0415 - a heavy import that few runs need

    arrow = pq.read_table(BytesIO(table))
    return arrow.column_names, list(zip(*(column.to_pylist() for column in arrow.columns), strict=True))


_READERS: dict[str, Callable[[bytes], Table]] = {
    "csv": _from_csv,
    "json": _from_json,
    "jsonl": _from_jsonl,
    "xlsx": _from_xlsx,
    "parquet": _from_parquet,
}
