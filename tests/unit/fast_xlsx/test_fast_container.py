"""The ZIP and the parts in it."""

import io
import struct
import zipfile
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from lxml import etree

from services.worker.writers.xlsx import XlsxWriter
from tests.unit.fast_xlsx.fast_books import fast, part, texts
from tests.unit.writers.writer_tables import COLUMNS, text_columns

NOW = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)
TEXT = text_columns("a")
FONT_ORDER = ["b", "i", "sz", "color", "name", "family", "charset", "scheme"]


def archive(content: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(content))


def workbook() -> bytes:
    return fast(TEXT, texts(*(f"n{n}" for n in range(25))), max_sheet_rows=10, written_at=NOW)[0]


def test_every_part_is_whole_and_well_formed():
    book = archive(workbook())
    assert book.testzip() is None
    assert all(etree.fromstring(book.read(name)) is not None for name in book.namelist())


def test_the_same_rows_make_the_same_bytes():
    assert workbook() == workbook()


def test_each_relation_has_its_part_and_each_part_its_type():
    content = workbook()
    names = set(archive(content).namelist())
    types = etree.fromstring(part(content, "[Content_Types].xml").encode())
    assert {o.get("PartName").lstrip("/") for o in types.iter("{*}Override")} == {
        n for n in names if not n.endswith(".rels") and n != "[Content_Types].xml"
    }
    for rels, base in (("_rels/.rels", ""), ("xl/_rels/workbook.xml.rels", "xl/")):
        relations = etree.fromstring(part(content, rels).encode())
        assert all(base + r.get("Target") in names for r in relations)


def test_local_headers_say_what_the_directory_says():
    content = workbook()
    book = archive(content)
    assert book.namelist()[0] == "_rels/.rels"
    for entry in book.infolist():
        local = struct.unpack_from("<4s5H3L2H", content, entry.header_offset)
        assert (
            local[1:4] == (20, 0, zipfile.ZIP_DEFLATED) == (entry.extract_version, entry.flag_bits, entry.compress_type)
        )
        assert local[6:9] == (entry.CRC, entry.compress_size, entry.file_size)
        assert (local[10], entry.extra) == (0, b"")
        assert entry.date_time == (2026, 1, 2, 3, 4, 6)


def test_children_of_fonts_are_in_the_order_of_the_schema():
    fonts = etree.fromstring(part(fast(COLUMNS)[0], "xl/styles.xml").encode()).findall(".//{*}font")
    assert len(fonts) == 2
    for font in fonts:
        places = [FONT_ORDER.index(etree.QName(child).localname) for child in font]
        assert places == sorted(places)


def test_fills_begin_with_none_and_gray():
    styles = etree.fromstring(part(fast(COLUMNS)[0], "xl/styles.xml").encode())
    assert [f.get("patternType") for f in styles.iter("{*}patternFill")][:2] == ["none", "gray125"]
    assert styles.find("{*}cellXfs/{*}xf").get("numFmtId") == "0"
    assert styles.find("{*}cellStyles/{*}cellStyle").get("name") == "Normal"


def test_another_schema_is_refused_since_its_text_would_not_be_escaped():
    writer = XlsxWriter(io.BytesIO(), TEXT, "t", "UTC")
    with pytest.raises(ValueError, match="belong"):
        writer.write(pa.record_batch({"a": pa.array(["a & b"], pa.string())}))
    writer.abort()
