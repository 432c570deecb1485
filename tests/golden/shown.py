"""Files as text that a person can check, and that changes where the file changes."""

import io
import zipfile
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq

from tests.linters.workbook_linter import MAIN
from tests.linters.zip_records import Header, central_headers, end_of, local_header

_GENERAL = {0: "General", 1: "0", 2: "0.00", 46: "[h]:mm:ss"}
"""Number formats that need no definition."""


def part(content: bytes, *names: str) -> str:
    """Parts of a workbook, an element a line."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return "\n".join(f"--- {name}\n" + _apart(book.read(name).decode()) for name in names)


def rows_of(content: bytes, *names: str) -> str:
    """The rows of sheets, one a line."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return "\n".join(f"--- {name}\n" + _rows(book.read(name).decode()) for name in names)


def entries(content: bytes) -> str:
    """What the headers of a ZIP say, without times and numbers that follow from the content."""
    file = io.BytesIO(content)
    headers = [(entry, local_header(file, entry.offset)) for entry in central_headers(file, end_of(file))]
    return "\n".join(f"{e.name.decode():30}{_header(e)} | {_header(local)}" for e, local in headers) + "\n"


def cells(content: bytes) -> str:
    """The cells of the first sheet, one a line: reference, type, number format, content."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        formats = _formats(ET.fromstring(book.read("xl/styles.xml")))  # noqa: S314 - our own file
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314
    return "".join(_cell(cell, formats) for cell in sheet.iter(f"{MAIN}c"))


def table(content: bytes) -> str:
    """A Parquet file: its schema, and a row a line."""
    found = pq.read_table(io.BytesIO(content))
    schema = found.schema.remove_metadata().to_string(show_field_metadata=False)
    return "\n".join([schema, *(repr(list(row.values())) for row in found.to_pylist())]) + "\n"


def _apart(xml: str) -> str:
    return xml.replace("><", ">\n<").rstrip("\n") + "\n"


def _rows(xml: str) -> str:
    begin, end = xml.index("<sheetData>"), xml.index("</sheetData>")
    return xml[begin:end].replace("<row", "\n<row").removeprefix("<sheetData>\n") + "\n"


def _header(header: Header) -> str:
    extra = "none" if not header.extra else header.extra.hex()
    return f"version {header.version} flags {header.flags:#06x} method {header.method} extra {extra}"


def _formats(styles: ET.Element) -> list[str]:
    own = {int(f.attrib["numFmtId"]): f.attrib["formatCode"] for f in styles.iter(f"{MAIN}numFmt")}
    found = [int(xf.attrib["numFmtId"]) for xf in styles.iterfind(f"{MAIN}cellXfs/{MAIN}xf")]
    return [own.get(number) or _GENERAL.get(number, str(number)) for number in found]


def _cell(cell: ET.Element, formats: list[str]) -> str:
    shown_as = formats[int(cell.get("s", "0"))]
    return f"{cell.get('r', ''):5}{cell.get('t', 'n'):10}{shown_as:22}{''.join(cell.itertext())!a}\n"
