"""Every kind of source with every type that it documents, by its extremes, in every format: what is in the files is
exact, counted, or no value of its column's type, which is refused, null or text as the catalog says.

What a source gives is read once for all formats, and what the formats have is read by others than those who wrote it.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from services.contract.codes import WarningCode
from services.contract.formats import Format
from services.contract.outcome import Built, ExportWarning
from services.contract.spec import Invalid, JobSpec, Kind, OrderTerm, TableOptions
from services.worker.sources.errors import MAX_VALUE_CHARACTERS, SourceFailed
from services.worker.sources.files.listing import listed
from services.worker.sources.files.memory import MemoryLimits
from services.worker.sources.files.settings import ParquetSettings
from services.worker.sources.files.whole import row_groups
from services.worker.sources.said import said
from services.worker.sources.sources import Sources
from services.worker.writers.registry import open_writer
from services.worker.writers.values import CannotWrite
from tests.integration.matrix import files
from tests.integration.matrix.kinds import KINDS, NOT_UTF8, PARAMETERS, Shelf, made
from tests.integration.matrix.rows import (
    CUT,
    INVALID,
    NEAREST,
    NO_JSON,
    NOT_FINITE,
    Group,
    Row,
    across,
    columns,
)
from tests.integration.sources.copy_jobs import run
from tests.integration.sources.source_specs import spec_of
from tests.tiers import deep_but

Warnings = list[ExportWarning]
Cells = Callable[[bytes, Sequence[str], Path], list[list[Any]]]
READERS: dict[Format, tuple[Cells, Callable[[Any, Row], bool]]] = {
    Format.CSV: (files.in_csv, files.is_in_csv),
    Format.JSONL: (files.in_json, files.is_in_json),
    Format.PARQUET: (files.in_parquet, files.is_in_parquet),
    Format.XLSX: (files.in_xlsx, files.is_in_xlsx),
}
CODES = {
    CUT: WarningCode.TIMESTAMP_ROUNDED,
    NEAREST: WarningCode.LONG_NUMBER_ROUNDED,
    NOT_FINITE: WarningCode.FLOAT_NOT_FINITE,
    NO_JSON: WarningCode.INVALID_JSON_AS_TEXT,
}
OF_FORMAT = {
    WarningCode.FLOAT_NOT_FINITE: {Format.CSV, Format.JSONL, Format.XLSX},
    WarningCode.INVALID_JSON_AS_TEXT: {Format.JSONL},
}
"""Codes that only these formats have a need for."""


@pytest.fixture(scope="module", params=deep_but(PARAMETERS, "postgres", "duckdb", "parquet", "csv"))
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return made(request.param, tmp_path_factory.mktemp("matrix"))


def spec(shelf: Shelf, invalid: Invalid | None, names: Sequence[str] = (), *, ordered: bool = True) -> JobSpec:
    """A spec of these columns; with none, of all that text can have."""
    types = {name: group.type for name, group in columns(shelf.groups) if name in names or not (names or group.is_far)}
    order = (OrderTerm("id"),) if ordered else ()
    made_ = spec_of(shelf.settings.kind, {"id": "integer", **types}, order=order, relation=shelf.relation(list(types)))
    return replace(
        made_,
        columns=tuple(replace(c, invalid=None if c.type.kind is Kind.JSON else invalid) for c in made_.columns),
    )


def read(shelf: Shelf, asked: JobSpec) -> tuple[list[pa.RecordBatch], Warnings]:
    with Sources({"things": shelf.settings}).open_rows(asked.source).read(asked) as reading:
        return [*reading.batches()], [*reading.warnings()]


def written(batches: list[pa.RecordBatch], asked: JobSpec, format_: Format) -> tuple[bytes, Warnings]:
    file = io.BytesIO()
    writer = open_writer(TableOptions(format_), file, asked.columns, "things")
    for batch in batches:
        writer.write(batch)
    writer.close()
    return file.getvalue(), writer.warnings


def by_name(shelf: Shelf, asked: JobSpec) -> dict[str, Group]:
    groups = dict(columns(shelf.groups))
    return {c.name: groups[c.name] for c in asked.columns if c.name in groups}


def cells(group: Group, rows: int) -> list[Row]:
    """A row for each of the table: where a group has none left, null."""
    nothing = Row(group.stored, group.type, None)
    return [*group.rows, *[nothing] * (rows - len(group.rows))]


def wrong(
    found: Sequence[Sequence[Any]], groups: dict[str, Group], rows: int, is_right: Callable[[Any, Row], bool]
) -> Iterator[tuple[Row, Any]]:
    """Where a file has something else."""
    for values, group in zip(found, groups.values(), strict=True):
        for value, row in zip(values, cells(group, rows), strict=True):
            if not is_right(value, row):
                yield row, value


def expected_warnings(groups: dict[str, Group], format_: Format) -> Counter[str]:
    marks = Counter(row.mark for group in groups.values() for row in group.rows)
    return Counter(
        {code: marks[mark] for mark, code in CODES.items() if marks[mark] and format_ in OF_FORMAT.get(code, {format_})}
    )


def invalid_counts(groups: dict[str, Group]) -> dict[str, int]:
    counts = {name: sum(row.mark == INVALID for row in group.rows) for name, group in groups.items()}
    return {name: count for name, count in counts.items() if count}


def test_values_at_the_extremes(shelf: Shelf, tmp_path: Path) -> None:
    asked = spec(shelf, Invalid.NULL)
    batches, of_source = read(shelf, asked)
    groups, rows = by_name(shelf, asked), len(across(shelf.groups))
    counts = {w.message.partition(":")[0]: w.count for w in of_source if w.code is WarningCode.INVALID_VALUE_AS_NULL}
    assert counts == invalid_counts(groups)
    for format_, (reader, is_right) in READERS.items():
        content, of_writer = written(batches, asked, format_)
        found = reader(content, list(groups), tmp_path / "file")
        assert [*wrong(found, groups, rows, is_right)] == []
        expected = expected_warnings(groups, format_)
        if format_ is Format.XLSX:
            expected |= spreadsheet_warnings(found, groups, rows)
        seen = Counter({w.code: w.count for w in (*of_source, *of_writer)})
        del seen[WarningCode.INVALID_VALUE_AS_NULL]
        assert seen == expected, format_


def spreadsheet_warnings(found: Sequence[Sequence[Any]], groups: dict[str, Group], rows: int) -> Counter[str]:
    """What a spreadsheet must warn of, by what its cells are."""
    counts: Counter[str] = Counter()
    for values, group in zip(found, groups.values(), strict=True):
        for value, row in zip(values, cells(group, rows), strict=True):
            counts[files.text_code(row)] += files.is_text_in_xlsx(value, row)
            counts[WarningCode.FRACTION_CUT] += files.is_cut_in_xlsx(value, row)
    return +counts


def test_values_far_from_now(shelf: Shelf, tmp_path: Path) -> None:
    for name, group in columns(shelf.groups):
        if group.is_far:
            asked = spec(shelf, Invalid.NULL, [name])
            batches, warnings = read(shelf, asked)
            assert warnings == []
            content, _ = written(batches, asked, Format.PARQUET)
            found = files.in_parquet(content, [name], tmp_path / "file")
            rows = sum(batch.num_rows for batch in batches)
            assert [*wrong(found, {name: group}, rows, files.is_in_parquet)] == []
            with pytest.raises(CannotWrite, match="DATE_OUT_OF_RANGE"):
                written(batches, asked, Format.CSV)


def test_texts_of_what_is_not_of_the_type(shelf: Shelf, tmp_path: Path) -> None:
    asked = spec(shelf, Invalid.TEXT)
    batches, warnings = read(shelf, asked)
    groups = by_name(shelf, asked)
    texts = replace(asked, columns=tuple(replace(c, type=c.file_type) for c in asked.columns))
    found = files.in_csv(written(batches, texts, Format.CSV)[0], list(groups), tmp_path)
    assert [*wrong(found, groups, len(across(shelf.groups)), is_its_text)] == []
    counts = {w.message.partition(":")[0]: w.count for w in warnings if w.code is WarningCode.INVALID_VALUE_AS_TEXT}
    assert counts == invalid_counts(groups)


def is_its_text(found: str | None, row: Row) -> bool:
    """Whether it is the text of a value, valid or not."""
    return (found.lower() if found and row.mark == NOT_FINITE else found) == row.text


def test_what_is_not_of_the_type_is_refused_with_its_key(shelf: Shelf) -> None:
    for name, group in columns(shelf.groups):
        place = next((i for i, row in enumerate(group.rows) if row.mark == INVALID), None)
        if place is not None:
            with pytest.raises(SourceFailed) as failed:
                read(shelf, spec(shelf, Invalid.REFUSE, [name]))
            text = group.rows[place].text or ""
            shown = text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[:MAX_VALUE_CHARACTERS]}…"
            of = f"Column '{name}' holds a value in row {place + 1} that is not {group.type}: {shown!r}"
            assert failed.value.message == f"{of}, where id is '{place}'."


@pytest.mark.parametrize(("kind", "least"), deep_but([("parquet", 12), ("parquet-int96", 0)], "parquet"))
def test_whole_files_without_an_order(tmp_path: Path, kind: str, least: int) -> None:
    """Which polars reads, column by column as far as they are stored as the catalog's types."""
    shelf = made(kind, tmp_path)
    assert isinstance(shelf.settings, ParquetSettings)
    groups_ = dict(columns(shelf.groups))
    by_polars = [name for name in groups_ if is_opened_by_polars(shelf, [name])]
    assert len(by_polars) >= least
    marked = [name for name in by_polars if any(row.mark for row in groups_[name].rows)]
    together = [[name for name in by_polars if name not in marked], [name for name in groups_ if name not in by_polars]]
    for names in [*filter(None, together), *([name] for name in marked)]:  # one that is not exact is read as batches
        asked = spec(shelf, Invalid.NULL, names, ordered=False)
        groups = by_name(shelf, asked)
        if names[0] in by_polars:
            assert is_opened_by_polars(shelf, names)
            check_frames(shelf, replace(asked, table=TableOptions(Format.CSV)), groups, tmp_path)
        batches, _ = read(shelf, asked)
        cells_ = files.in_parquet(written(batches, asked, Format.PARQUET)[0], list(groups), tmp_path / "file")
        assert [*wrong(cells_, groups, len(across(shelf.groups)), files.is_in_parquet)] == []


def is_opened_by_polars(shelf: Shelf, names: Sequence[str]) -> bool:
    asked = spec(shelf, Invalid.NULL, names, ordered=False)
    found = listed(shelf.settings, "*.parquet", asked.filter)  # type: ignore[arg-type]
    return row_groups.opened(found, asked, datetime.now(UTC), MemoryLimits()) is not None


def check_frames(shelf: Shelf, asked: JobSpec, groups: dict[str, Group], folder: Path) -> None:
    """As a job writes CSV, which takes the frames of polars as they are."""
    done, content = run(Sources({"things": shelf.settings}), asked, folder)
    assert isinstance(done, Built), done
    found = files.in_csv(content, list(groups), folder)
    assert [*wrong(found, groups, done.stats.rows_written, files.is_in_csv)] == []
    seen = Counter({w.code: w.count for w in done.stats.warnings})
    assert seen.pop(WarningCode.INVALID_VALUE_AS_NULL, 0) == sum(invalid_counts(groups).values())
    assert seen == expected_warnings(groups, Format.CSV)


def test_a_text_that_the_driver_cannot_give_is_an_invalid_value(tmp_path: Path) -> None:
    shelf = KINDS["sqlalchemy"][0](tmp_path, [Group("text", "text", (Row("text", "text", NOT_UTF8),))])
    with pytest.raises(SourceFailed, match=r"^VALUE_INVALID: ") as failed:
        read(shelf, spec(shelf, Invalid.REFUSE))
    assert said(failed.value) == "OperationalError"
