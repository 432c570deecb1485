import pytest

from services.api.requests.table_options import CsvChoices, Preset, TableChoices, XlsxChoices, is_zone
from services.contract.formats import CsvDialect, Format, LongText, XlsxLayout


def csv(**choices) -> TableChoices:
    return TableChoices(Format.CSV, csv=CsvChoices(**choices))


def wrong(choices: TableChoices) -> list[str]:
    return [v.field for v in choices.violations()]


def test_without_a_choice_everything_has_its_default() -> None:
    table = TableChoices().options
    assert (table.format, table.time_zone, table.csv, table.xlsx) == (Format.JSON, "UTC", CsvDialect(), XlsxLayout())
    assert wrong(TableChoices()) == []


def test_the_excel_preset_is_a_mark_and_a_guard_and_what_is_said_beside_it_wins() -> None:
    assert csv(preset=Preset.EXCEL).options.csv == CsvDialect(bom=True, escape_formulas=True, local_times=True)
    chosen = csv(preset=Preset.EXCEL, bom=False, delimiter=";", local_times=False)
    assert chosen.options.csv == CsvDialect(";", escape_formulas=True)


def test_a_choice_of_no_is_a_choice() -> None:
    assert csv(header=False).options.csv.header is False
    layout = TableChoices(Format.XLSX, xlsx=XlsxChoices(freeze_header=False, long_text=LongText.BUNDLE)).options.xlsx
    assert layout == XlsxLayout(freeze_header=False, long_text=LongText.BUNDLE)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", "§"])
def test_a_delimiter_is_any_one_character(delimiter: str) -> None:
    assert wrong(csv(delimiter=delimiter)) == []


@pytest.mark.parametrize("delimiter", [";;", '"', "\r", "\n", "\r\n", "\0"])
def test_a_delimiter_that_would_break_the_structure_is_refused(delimiter: str) -> None:
    assert wrong(csv(delimiter=delimiter)) == ["csv.delimiter"]


def test_a_decimal_comma_needs_another_delimiter() -> None:
    assert wrong(csv(decimal_comma=True)) == ["csv.decimal_comma"]
    assert wrong(csv(decimal_comma=True, delimiter=",")) == ["csv.decimal_comma"]
    assert wrong(csv(decimal_comma=True, delimiter=";")) == []


def test_the_text_of_a_null_cannot_be_taken_for_structure() -> None:
    assert wrong(csv(null_text="N" * 64)) == []
    assert wrong(csv(null_text="N" * 65)) == ["csv.null_text"]
    for text in ("a,b", 'a"', "a\n", "a\0"):
        assert wrong(csv(null_text=text)) == ["csv.null_text"]
    assert wrong(csv(null_text="a,b", delimiter=";")) == []


def test_options_of_another_format_are_refused_and_checked_all_the_same() -> None:
    both = TableChoices(Format.XLSX, csv=CsvChoices(delimiter='"'), xlsx=XlsxChoices())
    assert wrong(both) == ["csv", "csv.delimiter"]
    assert wrong(TableChoices(csv=CsvChoices(), xlsx=XlsxChoices())) == ["csv", "xlsx"]


@pytest.mark.parametrize("name", ["UTC", "America/Mexico_City", "Asia/Kathmandu", "Etc/GMT+5"])
def test_every_iana_name_is_a_zone(name: str) -> None:
    assert is_zone(name)


@pytest.mark.parametrize(
    "name", ["utc", "America", "America/Mexico", "../x", "/etc/passwd", "localtime", "a\0", "x" * 9999]
)
def test_anything_else_is_refused_and_never_opened_as_a_file(name: str) -> None:
    (violation,) = TableChoices(time_zone=name).violations()
    assert violation.field == "time_zone"
    assert len(violation.description) < 250


def test_the_nearest_zone_is_named() -> None:
    (violation,) = TableChoices(time_zone="America/Mexico_Cty").violations()
    assert "did you mean America/Mexico_City?" in violation.description
