"""to_arrow, to_polars, to_pandas: a finished export in memory holds what the export held."""

import base64
import gzip
import io
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from exportd.v1 import export_pb2 as pb
from exportd.v1 import export_service_pb2 as service
from exportd_client import CsvOptions, DownloadDamaged, ExportClient, FailedPrecondition, InvalidArgument, table_reader
from services.contract.formats import CsvDialect, Format
from services.contract.spec import ColumnSpec, ColumnType, Kind, TableOptions
from services.worker.writers.registry import open_writer
from tests.golden.tables import TEXTS, VALUE_ROWS, VALUES, Row, batch_of, text_column
from tests.tiers import deep
from tests.unit.client.fake_export_service import FakeExportService
from tests.unit.client.threaded import Threaded

TEXT_FORMATS = [Format.CSV, Format.JSON, Format.JSONL]
NESTED = ColumnSpec("issuer.rfc", "issuer.rfc", "issuer.rfc", ColumnType(Kind.TEXT))
DURATIONS = {0.0: "PT0S", 108_000.0: "P1DT6H", 86_401.0: "P1DT1S", -3600.0: "-PT1H", 0.0015: "PT0.0015S"}


def written(
    table_format: Format,
    columns: Sequence[ColumnSpec],
    rows: list[Row],
    *,
    time_zone: str = "UTC",
    csv: CsvDialect = CsvDialect(),  # noqa: B008 - frozen
    zipped: bool = False,
) -> bytes:
    file = io.BytesIO()
    writer = open_writer(TableOptions(table_format, time_zone, csv=csv), file, tuple(columns), "invoices")
    for row in rows:  # each in a batch of its own
        writer.write(batch_of(tuple(columns), [row]))
    writer.close()
    return gzip.compress(file.getvalue()) if zipped else file.getvalue()


def offered(
    fake: FakeExportService,
    content: bytes,
    table_format: Format,
    columns: Sequence[ColumnSpec],
    rows: int,
    **options: Any,
) -> pb.Export:
    """An export whose file is that content."""
    zipped = "compression" in options
    export = fake.with_file(content, filename=f"invoices.{table_format.value.lower()}{'.gz' if zipped else ''}")
    export.format, export.file.row_count = pb.Format.Value(f"FORMAT_{table_format.name}"), rows
    chosen = [pb.Column(field=column.field) for column in columns]
    export.options.CopyFrom(pb.ExportOptions(columns=chosen, **options))
    fake.columns = [service.CollectionColumn(field=column.field, type=type_of(column)) for column in columns]
    return export


def type_of(column: ColumnSpec) -> pb.ColumnType:
    kind = pb.ColumnType.Kind.Value(f"KIND_{column.type.kind.name}")
    return pb.ColumnType(kind=kind, precision=column.type.precision, scale=column.type.scale)


def as_text(row: Row) -> Row:
    """What is left of a row in a text format."""
    return row | {
        "float": None if row["float"] != row["float"] or row["float"] == float("-inf") else row["float"],
        "duration": None if row["duration"] is None else DURATIONS[row["duration"].total_seconds()],
        "binary": None if row["binary"] is None else base64.b64encode(row["binary"]).decode(),
    }


@pytest.mark.parametrize("time_zone", ["UTC", "America/Mexico_City"])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("table_format", TEXT_FORMATS)
async def test_text_formats_keep_every_value_and_its_type(
    client: ExportClient | Threaded, fake: FakeExportService, table_format: Format, zipped: bool, time_zone: str
) -> None:
    content = written(table_format, VALUES, VALUE_ROWS, time_zone=time_zone, zipped=zipped)
    options = {"compression": pb.COMPRESSION_GZIP} if zipped else {}
    export = offered(fake, content, table_format, VALUES, len(VALUE_ROWS), **options)
    table = await client.to_arrow(export)
    expected = [as_text(row) for row in VALUE_ROWS]
    if table_format is not Format.CSV:  # what is no JSON became a string of it, and null is no value
        for row, text in zip(
            expected, ['{"b":1.10,"a":[1,2]}', None, '"x"', '"not json"', "[]", None, None], strict=True
        ):
            row["json"] = text
    assert table.to_pylist() == expected
    assert table.schema.field("decimal").type == pa.decimal128(20, 2)
    assert table.schema.field("timestamp").type == pa.timestamp("us", "UTC")
    assert table.schema.field("integer").type == pa.int64()


async def test_parquet_is_taken_as_it_is(client: ExportClient | Threaded, fake: FakeExportService) -> None:
    content = written(Format.PARQUET, VALUES, VALUE_ROWS)
    export = offered(fake, content, Format.PARQUET, VALUES, len(VALUE_ROWS))
    rows = (await client.to_arrow(export.id)).to_pylist()
    assert [row["decimal"] for row in rows] == [row["decimal"] for row in VALUE_ROWS]
    assert [row["binary"] for row in rows] == [row["binary"] for row in VALUE_ROWS]


DIALECTS = [
    (CsvDialect(delimiter=";", decimal_comma=True), CsvOptions(delimiter=";", decimal_comma=True)),
    (CsvDialect(null_text="NULL"), CsvOptions(null_text="NULL")),
    (CsvDialect(header=False), CsvOptions(header=False)),
    (CsvDialect(bom=True), CsvOptions(bom=True)),
]


@pytest.mark.parametrize(("layout", "dialect"), DIALECTS)
async def test_csv_is_read_in_the_dialect_that_it_was_written_in(
    client: ExportClient, fake: FakeExportService, layout: CsvDialect, dialect: CsvOptions
) -> None:
    content = written(Format.CSV, VALUES, VALUE_ROWS, csv=layout)
    export = offered(fake, content, Format.CSV, VALUES, len(VALUE_ROWS), csv=dialect)
    assert (await client.to_arrow(export)).to_pylist() == [as_text(row) for row in VALUE_ROWS]


@pytest.mark.parametrize("table_format", TEXT_FORMATS)
async def test_texts_stay_as_they_are(client: ExportClient, fake: FakeExportService, table_format: Format) -> None:
    """One column, so that a null is an empty line of CSV; header and line breaks of every kind are in it."""
    columns = [text_column("a\nb")]
    rows: list[Row] = [{"a\nb": text} for text in [*TEXTS, None, "NULL", "null", "NA", "1e5"]]
    export = offered(fake, written(table_format, columns, rows), table_format, columns, len(rows))
    assert (await client.to_arrow(export)).to_pylist() == rows


@pytest.mark.parametrize("table_format", [*TEXT_FORMATS, Format.PARQUET])
async def test_a_table_without_rows_has_its_columns(
    client: ExportClient, fake: FakeExportService, table_format: Format
) -> None:
    export = offered(fake, written(table_format, VALUES, []), table_format, VALUES, 0)
    table = await client.to_arrow(export)
    assert (table.num_rows, table.column_names) == (0, [column.field for column in VALUES])


async def test_nested_fields_are_columns(client: ExportClient, fake: FakeExportService) -> None:
    rows: list[Row] = [{"issuer.rfc": "XAXX010101000"}, {"issuer.rfc": None}]
    export = offered(fake, written(Format.JSON, [NESTED], rows), Format.JSON, [NESTED], 2)
    assert (await client.to_arrow(export)).to_pylist() == rows


@pytest.mark.parametrize("table_format", TEXT_FORMATS)
async def test_names_of_attachments_are_a_column_more(
    client: ExportClient, fake: FakeExportService, table_format: Format
) -> None:
    columns = [text_column("id"), text_column("files")]
    rows: list[Row] = [{"id": "1", "files": "files/a.pdf"}]
    export = offered(fake, written(table_format, columns, rows), table_format, columns[:1], 1)
    export.file_types.append("invoice.pdf")
    files = (await client.to_arrow(export)).to_pylist()[0]["files"]
    assert files.strip('"') == "files/a.pdf"


async def test_frames_have_exact_values(client: ExportClient | Threaded, fake: FakeExportService) -> None:
    content = written(Format.PARQUET, VALUES, VALUE_ROWS)
    export = offered(fake, content, Format.PARQUET, VALUES, len(VALUE_ROWS))
    polars, pandas = await client.to_polars(export), await client.to_pandas(export)
    integers = [row["integer"] for row in VALUE_ROWS]
    assert polars["integer"].to_list() == integers
    assert pandas["integer"].isna().tolist() == [value is None for value in integers]
    assert pandas["integer"].dropna().tolist() == [value for value in integers if value is not None]
    assert str(pandas["integer"].dtype).startswith("int64")
    assert polars["decimal"].to_list()[2] == pandas["decimal"][2] == Decimal("1234567890123.45")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda export: setattr(export.file, "extension", "xlsx"), "type xlsx is not read as a table"),
        (lambda export: setattr(export.file, "extension", "zip"), "type zip is not read as a table"),
        (lambda export: setattr(export.file, "encrypted", True), "not read as a table"),
        (lambda export: setattr(export.options.csv, "escape_formulas", True), "CSV with escape_formulas"),
        (lambda export: setattr(export.options.csv, "local_times", True), "CSV with local_times"),
    ],
)
async def test_what_would_lose_something_is_refused_before_it_is_fetched(
    client: ExportClient, fake: FakeExportService, change: Any, what: str
) -> None:
    export = offered(fake, b"id\r\n1\r\n", Format.CSV, [text_column("id")], 1)
    change(export)
    with pytest.raises(InvalidArgument, match=what):
        await client.to_arrow(export)
    assert [request.limit for request in fake.asked(service.DownloadFileRequest)] == [1]


async def test_a_file_that_is_too_large_is_refused_before_it_is_fetched(
    client: ExportClient, fake: FakeExportService
) -> None:
    export = offered(fake, b"id\r\n1\r\n", Format.CSV, [text_column("id")], 1)
    with pytest.raises(InvalidArgument, match="the file has 7 bytes"):
        await client.to_arrow(export, max_bytes=6)
    assert (await client.to_arrow(export, max_bytes=7)).num_rows == 1


async def test_an_export_without_a_file_has_no_table(client: ExportClient | Threaded) -> None:
    export = await client.create("/invoices")
    with pytest.raises(FailedPrecondition):
        await client.to_arrow(export)


async def test_bytes_that_are_not_those_announced_are_no_table(
    client: ExportClient | Threaded, fake: FakeExportService
) -> None:
    export = offered(fake, b"id\r\n1\r\n", Format.CSV, [text_column("id")], 1)
    fake.contents[export.file.id] = b"id\r\n2\r\n"
    with pytest.raises(DownloadDamaged, match="sha256"):
        await client.to_arrow(export)


async def test_rows_that_are_missing_are_no_table(client: ExportClient, fake: FakeExportService) -> None:
    export = offered(fake, b"id\r\n1\r\n", Format.CSV, [text_column("id")], 2)
    with pytest.raises(DownloadDamaged, match="read 1 rows of 2"):
        await client.to_arrow(export)


@deep
async def test_a_table_goes_on_where_the_line_broke(client: ExportClient | Threaded, fake: FakeExportService) -> None:
    rows: list[Row] = [{"id": str(n)} for n in range(700)]
    content = written(Format.JSONL, [text_column("id")], rows)
    export = offered(fake, content, Format.JSONL, [text_column("id")], len(rows))
    fake.cut_downloads_at = [1500, 7000]
    assert (await client.to_arrow(export)).to_pylist() == rows


async def test_no_file_is_written(
    client: ExportClient, fake: FakeExportService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = offered(fake, b"id\r\n1\r\n", Format.CSV, [text_column("id")], 1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("builtins.open", None)
    await client.to_arrow(export)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


async def test_what_has_to_be_installed_is_named(
    client: ExportClient, fake: FakeExportService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_reader, "find_spec", lambda _name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'exportd-client\[arrow\]'"):
        await client.to_arrow("export")
    assert fake.calls == []
