"""The files that the project makes have no fault that its linters know."""

import io
import zipfile

import pytest
from hypothesis import given, settings

from services.contract.formats import Format, XlsxLayout
from services.worker.writers.xlsx import XlsxWriter
from tests.budget import examples
from tests.golden.tables import TEXTS, VALUE_ROWS, VALUES, batch_of, file_of, text_column
from tests.linters.fault import rules_of
from tests.linters.workbook_linter import workbook_faults
from tests.linters.zip_linter import zip_faults
from tests.reference.openpyxl_writer import OpenpyxlWriter
from tests.tiers import deep
from tests.unit.bundle.bundles import bundle_of, row, spec_of
from tests.unit.writers.writer_tables import COLUMNS, ROWS

TEXT = (text_column("text"),)
LAYOUTS = [
    XlsxLayout(),
    XlsxLayout(compact=True),
    XlsxLayout(freeze_header=False),
    XlsxLayout(autofilter=False),
    XlsxLayout(freeze_header=False, autofilter=False, compact=True),
]


def faults(content: bytes) -> list[str]:
    return [str(fault) for fault in workbook_faults(io.BytesIO(content))]


@pytest.mark.parametrize("layout", LAYOUTS, ids=repr)
def test_a_workbook_of_every_kind_of_value_has_no_fault(layout):
    for columns, rows in ((VALUES, VALUE_ROWS), (VALUES, []), (TEXT, [{"text": t} for t in TEXTS])):
        assert faults(file_of(Format.XLSX, columns, rows, layout=layout)) == []


@settings(deadline=None, max_examples=examples(40))
@given(rows=ROWS)
def test_a_workbook_of_nasty_values_has_no_fault(rows):
    assert faults(file_of(Format.XLSX, COLUMNS, rows, time_zone="Asia/Kolkata")) == []


@pytest.mark.parametrize("name", ["it's", "'x'", "a & b", "😀" * 20, "History", "y" * 40, "<x>"])
def test_a_workbook_of_several_sheets_has_no_fault_whatever_its_name(name):
    file = io.BytesIO()
    writer = XlsxWriter(file, TEXT, name, "UTC", max_sheet_rows=10)
    writer.write(batch_of(TEXT, [{"text": "x"}] * 30))
    writer.close()
    assert faults(file.getvalue()) == []
    assert len(zipfile.ZipFile(file).namelist()) == 12


@deep
def test_a_workbook_of_many_segments_has_no_fault():
    rows = [{"text": text} for text in TEXTS] * 2500
    assert faults(file_of(Format.XLSX, TEXT, rows)) == []


def test_a_text_that_just_fits_is_no_fault():
    assert faults(file_of(Format.XLSX, TEXT, [{"text": "😀" * 16_383 + "\x01"}])) == []


def test_of_what_openpyxl_makes_only_the_known_faults_are_found(tmp_path):
    file = io.BytesIO()
    writer = OpenpyxlWriter(file, VALUES, "invoices", "UTC", tmp_path)
    writer.write(batch_of(VALUES, VALUE_ROWS))
    writer.close()
    assert rules_of(workbook_faults(file)) == ["style-font-order", "zip-first-entry"]


@pytest.mark.parametrize("password", ["", "pässwörd"])
@pytest.mark.parametrize("table_format", list(Format))
def test_a_bundle_has_no_fault(tmp_path, table_format, password):
    files = {"e/u1.xml": b"<a/>" * 1000, "e/u1.pdf": b"%PDF", "e/ñ.xml": b""}
    rows = [row(1), row(2, uuid="ñ"), row(3, uuid=None)]
    file, _, _ = bundle_of(spec_of(table_format), files, rows, spool_dir=tmp_path, password=password)
    assert zip_faults(file) == []


def test_the_workbook_in_a_bundle_has_no_fault_either(tmp_path):
    file, _, _ = bundle_of(spec_of(Format.XLSX), {"e/u1.xml": b"x"}, [row(1), row(2)], spool_dir=tmp_path)
    assert faults(zipfile.ZipFile(file).read("invoices.xlsx")) == []
