import pytest

from services.api.requests.packaging import PackagingChoice
from services.contract.formats import Compression, Format, LongText, Packaging, XlsxLayout
from services.contract.spec import TableOptions

CSV = TableOptions(Format.CSV)
GZIPPED = TableOptions(Format.CSV, compression=Compression.GZIP)
BUNDLING = TableOptions(Format.XLSX, xlsx=XlsxLayout(long_text=LongText.BUNDLE))


def wrong(choice: PackagingChoice) -> list[str]:
    return [v.field for v in choice.violations()]


@pytest.mark.parametrize(
    ("choice", "packaging"),
    [
        pytest.param(PackagingChoice(Packaging.AUTO, CSV, attachments=False), Packaging.AUTO, id="the bare table"),
        pytest.param(PackagingChoice(Packaging.AUTO, CSV, attachments=True), Packaging.ZIP, id="attachments"),
        pytest.param(
            PackagingChoice(Packaging.AUTO, CSV, attachments=False, password="x"), Packaging.ZIP, id="a password"
        ),
        pytest.param(
            PackagingChoice(Packaging.AUTO, BUNDLING, attachments=False), Packaging.ZIP, id="long text beside the table"
        ),
        pytest.param(PackagingChoice(Packaging.ZIP, CSV, attachments=False), Packaging.ZIP, id="always a ZIP"),
        pytest.param(PackagingChoice(Packaging.SEPARATE, CSV, attachments=True), Packaging.SEPARATE, id="two files"),
        pytest.param(PackagingChoice(Packaging.SEPARATE, CSV, attachments=False), Packaging.SEPARATE, id="one of two"),
    ],
)
def test_auto_is_a_zip_when_one_bare_file_would_not_do(choice: PackagingChoice, packaging: Packaging) -> None:
    assert choice.packaging is packaging
    assert wrong(choice) == []


@pytest.mark.parametrize("format_", [Format.CSV, Format.JSON, Format.JSONL])
@pytest.mark.parametrize("packaging", [Packaging.AUTO, Packaging.SEPARATE])
def test_bare_text_can_be_gzipped(format_: Format, packaging: Packaging) -> None:
    gzipped = TableOptions(format_, compression=Compression.GZIP)
    assert wrong(PackagingChoice(packaging, gzipped, attachments=packaging is Packaging.SEPARATE)) == []


@pytest.mark.parametrize(
    "choice",
    [
        PackagingChoice(Packaging.ZIP, GZIPPED, attachments=False),
        PackagingChoice(Packaging.AUTO, GZIPPED, attachments=True),
        PackagingChoice(Packaging.AUTO, GZIPPED, attachments=False, password="x"),
        PackagingChoice(Packaging.AUTO, TableOptions(Format.XLSX, compression=Compression.GZIP), attachments=False),
        PackagingChoice(Packaging.AUTO, TableOptions(Format.PARQUET, compression=Compression.GZIP), attachments=False),
    ],
)
def test_nothing_is_compressed_twice(choice: PackagingChoice) -> None:
    assert wrong(choice) == ["compression"]


def test_separate_files_are_neither_sealed_nor_bundled() -> None:
    assert wrong(PackagingChoice(Packaging.SEPARATE, CSV, attachments=True, password="x")) == ["packaging"]
    assert wrong(PackagingChoice(Packaging.SEPARATE, BUNDLING, attachments=True)) == ["packaging"]


@pytest.mark.parametrize(("password", "fields"), [("x" * 99, []), ("ñ" * 49, []), ("ñ" * 50, ["password"])])
def test_a_password_has_as_many_bytes_as_7zip_takes(password: str, fields: list[str]) -> None:
    assert wrong(PackagingChoice(Packaging.ZIP, CSV, attachments=False, password=password)) == fields


def test_a_password_that_is_too_long_is_never_shown() -> None:
    long = PackagingChoice(Packaging.ZIP, CSV, attachments=False, password="s3cret" * 22)
    assert wrong(long) == ["password"]
    assert "s3cret" not in f"{long} {[*long.violations()]}"
