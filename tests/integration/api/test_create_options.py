"""What a caller may say about the file, from the request to the job that a worker gets."""

import pytest

from exportd.queue.v1 import job_spec_pb2
from exportd.v1 import export_pb2
from tests.integration.api.conftest import Api, Worker
from tests.integration.api.refusals import refused

URI = "/shops/7/orders"
EXCEL = export_pb2.CsvOptions.PRESET_EXCEL
BUNDLE = export_pb2.XlsxOptions.LONG_TEXT_BUNDLE


async def _spec(worker: Worker) -> job_spec_pb2.JobSpec:
    (job,) = await worker.lease()
    return job.spec


async def test_columns_are_picked_ordered_and_renamed(api: Api, worker: Worker) -> None:
    columns = [export_pb2.Column(field="issuedAt", header="Fecha")]
    export = await api.create(f"{URI}?order[id]=desc", columns=columns)
    assert list(export.options.columns) == columns
    spec = await _spec(worker)
    assert [(c.name, c.field, c.header) for c in spec.columns] == [("issued_at", "issuedAt", "Fecha")]
    assert [(t.column, t.descending) for t in spec.order] == [("id", True)]


async def test_dates_without_a_time_are_midnight_in_the_time_zone(api: Api, worker: Worker) -> None:
    export = await api.create(f"{URI}?issuedAt[after]=2026-01-01", time_zone="America/Mexico_City")
    assert export.options.time_zone == "America/Mexico_City"
    assert export.options.query == "issuedAt[after]=2026-01-01T06:00:00Z"
    assert (await _spec(worker)).table.time_zone == "America/Mexico_City"


async def test_the_excel_preset_is_spelled_out_and_what_stands_beside_it_wins(api: Api, worker: Worker) -> None:
    asked = export_pb2.CsvOptions(preset=EXCEL, bom=False, delimiter=";", decimal_comma=True, null_text="-")
    export = await api.create(csv=asked)
    understood = export_pb2.CsvOptions(
        delimiter=";",
        bom=False,
        line_terminator=export_pb2.CsvOptions.LINE_TERMINATOR_CRLF,
        decimal_comma=True,
        null_text="-",
        escape_formulas=True,
        header=True,
        local_times=True,
    )
    assert export.options.csv == understood
    assert (await _spec(worker)).table.csv == understood


async def test_options_are_echoed_for_the_format_at_hand_only(api: Api) -> None:
    as_csv = await api.create()
    assert (as_csv.options.csv.delimiter, as_csv.options.HasField("xlsx")) == (",", False)
    as_xlsx = await api.create(format=export_pb2.FORMAT_XLSX)
    assert (as_xlsx.options.xlsx.autofilter, as_xlsx.options.HasField("csv")) == (True, False)
    as_json = await api.create(format=export_pb2.FORMAT_JSON)
    assert not as_json.options.HasField("csv")
    assert not as_json.options.HasField("xlsx")


async def test_long_text_beside_the_table_makes_a_zip_from_the_start(api: Api, worker: Worker) -> None:
    options = export_pb2.XlsxOptions(autofilter=False, compact=True, long_text=BUNDLE)
    export = await api.create(format=export_pb2.FORMAT_XLSX, xlsx=options)
    options.freeze_header = True
    assert export.options.xlsx == options
    spec = await _spec(worker)
    assert (spec.table.xlsx, spec.packaging) == (options, export_pb2.PACKAGING_ZIP)


@pytest.mark.parametrize(
    ("fields", "packaging"),
    [
        ({}, export_pb2.PACKAGING_AUTO),
        ({"packaging": export_pb2.PACKAGING_ZIP}, export_pb2.PACKAGING_ZIP),
        ({"packaging": export_pb2.PACKAGING_SEPARATE}, export_pb2.PACKAGING_SEPARATE),
        ({"file_types": ["order.pdf"]}, export_pb2.PACKAGING_ZIP),
        ({"password": "open sesame"}, export_pb2.PACKAGING_ZIP),
        ({"packaging": export_pb2.PACKAGING_SEPARATE, "file_types": ["order.pdf"]}, export_pb2.PACKAGING_SEPARATE),
    ],
    ids=str,
)
async def test_packaging_is_echoed_as_asked_and_decided_for_the_worker(
    api: Api, worker: Worker, fields: dict[str, object], packaging: int
) -> None:
    export = await api.create(**fields)
    assert export.options.packaging == fields.get("packaging", export_pb2.PACKAGING_AUTO)
    assert (await _spec(worker)).packaging == packaging


async def test_a_gzipped_file_is_named_by_both_extensions(api: Api, worker: Worker) -> None:
    export = await api.create(compression=export_pb2.COMPRESSION_GZIP, filename="orders.csv")
    assert export.options.compression == export_pb2.COMPRESSION_GZIP
    (job,) = await worker.lease()
    assert job.spec.table.compression == export_pb2.COMPRESSION_GZIP
    await worker.complete(job, worker.file(job, b"gz", extension="csv.gz", media_type="application/gzip"))
    file = (await api.get(export.id)).file
    assert (file.filename, file.extension, file.media_type) == ("orders.csv.gz", "csv.gz", "application/gzip")


async def test_parquet_is_made_where_the_catalog_offers_it(api: Api, worker: Worker) -> None:
    export = await api.create("/shops", format=export_pb2.FORMAT_PARQUET)
    assert export.format == export_pb2.FORMAT_PARQUET
    assert (await _spec(worker)).table.format == export_pb2.FORMAT_PARQUET


async def test_everything_wrong_with_the_file_is_named_at_once(api: Api) -> None:
    refusal = await refused(
        api.create(
            columns=[export_pb2.Column(field="id"), export_pb2.Column(field="isuedAt")],
            time_zone="America/Mexico_Cty",
            csv=export_pb2.CsvOptions(delimiter="::", line_terminator=9, null_text="\n", preset=9),
            xlsx=export_pb2.XlsxOptions(long_text=9),
            packaging=export_pb2.PACKAGING_SEPARATE,
            password="s3cret" * 22,
            compression=9,
        )
    )
    assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert set(refusal.violations) == {
        "columns[1].field",
        "time_zone",
        "csv.delimiter",
        "csv.line_terminator",
        "csv.null_text",
        "csv.preset",
        "xlsx",
        "xlsx.long_text",
        "packaging",
        "password",
        "compression",
    }
    assert "did you mean issuedAt?" in refusal.violations["columns[1].field"]
    assert "did you mean America/Mexico_City?" in refusal.violations["time_zone"]
    assert "s3cret" not in f"{refusal}"


async def test_an_option_of_a_newer_version_is_refused_not_ignored(api: Api) -> None:
    csv, column = export_pb2.CsvOptions(), export_pb2.Column(field="id")
    csv.MergeFromString(b"\xf8\x3f\x01")  # field 1023
    column.MergeFromString(b"\xf8\x3f\x01")
    refusal = await refused(api.create(csv=csv, columns=[column]))
    assert set(refusal.violations) == {"csv.field 1023", "columns[0].field 1023"}
