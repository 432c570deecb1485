"""Every kind of source with every type it knows, by its extremes: what is in the files is exact, counted, or refused.

A kind is a module of this folder with ROWS and `source`, which makes a source of one row: its id and values by name.
The files are read by others than those who wrote them.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from python_calamine import CalamineWorkbook

from services.contract.formats import Format
from services.contract.outcome import ExportWarning
from services.contract.spec import JobSpec, OrderTerm, TableOptions
from services.worker.sources.errors import SourceFailed
from services.worker.sources.sources import Sources
from services.worker.writers.registry import open_writer
from tests.integration.matrix import csv_rows, duckdb_rows, parquet_rows
from tests.integration.matrix.parquet_rows import Int96
from tests.integration.matrix.rows import Row
from tests.integration.sources.source_specs import spec_of

KINDS: dict[str, ModuleType] = {"parquet": parquet_rows, "csv": csv_rows, "sql": duckdb_rows}
CASES = [pytest.param(kind, row, id=f"{kind} {row}") for kind, module in KINDS.items() for row in module.ROWS]
ORDERS = [(), (OrderTerm("v"),)]


Said = list[ExportWarning]


class Shelf:
    """The values of a kind that are to be exact, all in one source, and read at once: the dearest part."""

    def __init__(self, kind: str, folder: Path) -> None:
        exact = [row for row in KINDS[kind].ROWS if not (row.refused or row.code or isinstance(row.stored, Int96))]
        self._kind = kind
        self._names = {id(row): f"v{number}" for number, row in enumerate(exact)}
        self._types = {self._names[id(row)]: row.type for row in exact}
        self._source = KINDS[kind].source(folder, {self._names[id(row)]: row.stored for row in exact})

    def __contains__(self, row: Row) -> bool:
        return id(row) in self._names

    def value(self, row: Row, *, ordered: bool) -> pa.RecordBatch:
        """As a batch of its own."""
        batch = self._batch(ordered=ordered)
        return pa.record_batch({"id": batch["id"], "v": batch[self._names[id(row)]]})

    @cache  # noqa: B019 - there are three shelves
    def _batch(self, *, ordered: bool) -> pa.RecordBatch:
        order = tuple(map(OrderTerm, self._types)) if ordered else ()
        spec = spec_of(self._kind, {"id": "integer"} | self._types, order=order)
        (batch,), said = read(Sources({"things": self._source}), spec)
        assert said == []
        return batch


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Shelf]:
    return {kind: Shelf(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


def read(sources: Sources, spec: JobSpec) -> tuple[list[pa.RecordBatch], Said]:
    with sources.open_rows(spec.source).read(spec) as reading:
        return [*reading.batches()], [*reading.warnings()]


def written(batches: list[pa.RecordBatch], spec: JobSpec, format_: Format) -> tuple[bytes, Said]:
    file = io.BytesIO()
    writer = open_writer(TableOptions(format_), file, spec.columns, "things")
    for batch in batches:
        writer.write(batch)
    writer.close()
    return file.getvalue(), writer.warnings


def in_csv(content: bytes) -> str | None:
    _, (_, value) = csv.reader(io.StringIO(content.decode(), newline=""))
    return None if content.endswith((b",\r\n", b",\n")) else value


def plain_json(text: str | bytes) -> Any:
    """With the digits of numbers as they stand there."""
    return json.loads(text, parse_int=str, parse_float=str)


def in_json(content: bytes, type_: str) -> Any:
    """As CSV has it, but for values of json."""
    value = plain_json(content)["v"]
    return str(value).lower() if isinstance(value, bool) and type_ != "json" else value


def in_parquet(file: Path, content: bytes, type_: str) -> str | None:
    """As DuckDB reads it, in the words of CSV."""
    file.write_bytes(content)
    text = {"binary": "to_base64(v)", "timestamp": "strftime(v at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%f')"}
    value = duckdb.sql(f"select {text.get(type_, 'v::varchar')} from read_parquet('{file}')").fetchall()[0][0]
    if value is None or type_ == "text":
        return value
    digits = re.sub(r"^(-?)\.", r"\g<1>0.", value)  # DuckDB writes no zero before the point of what is all fraction
    return f"{digits.rstrip('0').rstrip('.')}Z" if type_ == "timestamp" else digits


def in_xlsx(content: bytes) -> Any:
    """The cell as calamine reads it: a text, a number, a boolean, or a moment."""
    rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    return rows[1][1] if len(rows[1]) > 1 else None


OF_XLSX = {
    str: {"LONG_NUMBER_AS_TEXT", "DATE_AS_TEXT", "DURATION_AS_TEXT"},
    datetime: {"FRACTION_CUT"},
    date: set[str](),
    time: {"FRACTION_CUT"},
    timedelta: {"FRACTION_CUT"},
}
"""Codes of what a cell of a value that is no text may have lost, by what the cell is."""
MILLISECOND = timedelta(milliseconds=1)
MOMENTS: dict[str, Callable[[str], datetime]] = {
    "date": datetime.fromisoformat,
    "time": lambda text: datetime.fromisoformat(f"1899-12-31T{text}"),
    "timestamp": lambda text: datetime.fromisoformat(text.removesuffix("Z")),
}


def is_same(cell: Any, row: Row, codes: set[str]) -> bool:
    """Whether a cell is the value, or says by a code that it is less."""
    if row.text is None or row.type in ("text", "json", "binary") or isinstance(cell, str):
        as_it_is = cell == (row.text or "")
        return as_it_is and (row.text is None or row.type in ("text", "json", "binary") or bool(codes & OF_XLSX[str]))
    if row.type in MOMENTS:
        moment = MOMENTS[row.type](row.text)
        lost = moment - as_moment(cell)
        return timedelta() <= lost < MILLISECOND and (not lost or "FRACTION_CUT" in codes)
    if row.type == "duration":
        assert isinstance(cell, timedelta), cell
        return abs(cell - length(row.text)) < MILLISECOND
    if row.type == "boolean":
        return cell is (row.text == "true")
    return float(cell) == float(row.text)


def length(text: str) -> timedelta:
    parts = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?", text)
    assert parts, text
    days, hours, minutes, seconds = (float(part or 0) for part in parts.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def as_moment(cell: Any) -> datetime:
    if isinstance(cell, datetime):
        return cell
    return datetime.combine(cell, time()) if isinstance(cell, date) else datetime.combine(date(1899, 12, 31), cell)


@pytest.mark.parametrize(("kind", "row"), CASES)
def test_a_value_is_exact_counted_or_refused(shelves: Mapping[str, Shelf], tmp_path: Path, kind: str, row: Row) -> None:
    """What was read goes to the writers of all formats."""
    shelf = shelves[kind]
    alone = None if row in shelf else Sources({"things": KINDS[kind].source(tmp_path, {"v": row.stored})})
    for order in ORDERS:
        spec = spec_of(kind, {"id": "integer", "v": row.type}, order=order)
        if alone and row.refused:
            with pytest.raises(SourceFailed, match="VALUE_INVALID"):
                read(alone, spec)
            continue
        batches, said = read(alone, spec) if alone else ([shelf.value(row, ordered=bool(order))], [])
        content, more = written(batches, spec, Format.CSV)
        assert in_csv(content) == row.text
        assert [(w.code, w.count) for w in (*said, *more)] == ([(row.code, 1)] if row.code else [])
        if not order:
            check_others(tmp_path / "out", row, batches, spec, said)


def check_others(file: Path, row: Row, batches: list[pa.RecordBatch], spec: JobSpec, said: Said) -> None:
    expected = plain_json(row.text or "null") if row.type == "json" else row.text
    assert in_json(written(batches, spec, Format.JSONL)[0], row.type) == expected
    if row.code != "FLOAT_NOT_FINITE" and row.type != "duration":  # which Parquet keeps, and has as a number
        content, _ = written(batches, spec, Format.PARQUET)
        assert in_parquet(file, content, row.type) == row.text
    content, more = written(batches, spec, Format.XLSX)
    codes = {w.code for w in (*said, *more)}
    assert is_same(in_xlsx(content), row, codes), (in_xlsx(content), codes)
    assert not row.code or row.code in codes
