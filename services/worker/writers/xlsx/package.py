"""The parts of a workbook other than sheets: its contents and relationships."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

from services.worker.writers.xlsx.rows import xml_text

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_THEME_TYPE = "application/vnd.openxmlformats-officedocument.theme+xml"
_CORE_TYPE = "application/vnd.openxmlformats-package.core-properties+xml"
_APP_TYPE = "application/vnd.openxmlformats-officedocument.extended-properties+xml"


SHARED_TEXTS = "xl/sharedStrings.xml"
"""Name of the part with the texts that cells refer to by number."""


@dataclass(frozen=True, slots=True)
class SheetEntry:
    """A sheet of the workbook. `filtered` is the range of its filter (`$A$1:$J$100`); empty when there is none."""

    name: str
    filtered: str


def sheet_part(number: int) -> str:
    """Return the name of a sheet's part. Sheets count from 1."""
    return f"xl/worksheets/sheet{number}.xml"


def root_relations() -> bytes:
    """Return `_rels/.rels`. It is always the same, so it can be the first part."""
    return _relations(
        [
            (f"{_OFFICE}/relationships/officeDocument", "xl/workbook.xml"),
            (f"{_PACKAGE}/relationships/metadata/core-properties", "docProps/core.xml"),
            (f"{_OFFICE}/relationships/extended-properties", "docProps/app.xml"),
        ]
    )


def shared_texts(texts: list[str], cells: int) -> bytes:
    """Return the part with the shared texts, which are all different. `cells` cells refer to them by number."""
    items = "".join(f"<si>{_text(text)}</si>" for text in texts)
    return _part(f'<sst xmlns="{_MAIN}" count="{cells}" uniqueCount="{len(texts)}">{items}</sst>')


def _text(text: str) -> str:
    edges = ' xml:space="preserve"' if text != text.strip() else ""
    return f"<t{edges}>{xml_text(text)}</t>"


def closing_parts(sheets: list[SheetEntry], written_at: datetime, *, shared: bool) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the parts that depend on all sheets. `shared`: there is a part with shared texts."""
    yield "xl/workbook.xml", _workbook(sheets)
    yield "xl/_rels/workbook.xml.rels", _workbook_relations(len(sheets), shared=shared)
    yield "docProps/core.xml", _core(written_at)
    yield "docProps/app.xml", _app()
    yield "[Content_Types].xml", _content_types(len(sheets), shared=shared)


def _workbook(sheets: list[SheetEntry]) -> bytes:
    entries = "".join(f'<sheet name={quoteattr(s.name)} sheetId="{n}" r:id="rId{n}"/>' for n, s in enumerate(sheets, 1))
    # LibreOffice considers a filter without this name as broken.
    names = "".join(
        f'<definedName name="_xlnm._FilterDatabase" localSheetId="{n}" hidden="1">{_place(s)}</definedName>'
        for n, s in enumerate(sheets)
        if s.filtered
    )
    names = f"<definedNames>{names}</definedNames>" if names else ""
    head = f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}/relationships"><bookViews><workbookView/></bookViews>'
    return _part(f"{head}<sheets>{entries}</sheets>{names}</workbook>")


def _place(sheet: SheetEntry) -> str:
    quoted = sheet.name.replace("'", "''")
    return escape(f"'{quoted}'!{sheet.filtered}")


def _workbook_relations(sheets: int, *, shared: bool) -> bytes:
    kinds = [(f"{_OFFICE}/relationships/worksheet", sheet_part(n).removeprefix("xl/")) for n in range(1, sheets + 1)]
    kinds += [(f"{_OFFICE}/relationships/styles", "styles.xml"), (f"{_OFFICE}/relationships/theme", "theme/theme1.xml")]
    if shared:
        kinds.append((f"{_OFFICE}/relationships/sharedStrings", SHARED_TEXTS.removeprefix("xl/")))
    return _relations(kinds)


def _relations(targets: list[tuple[str, str]]) -> bytes:
    entries = "".join(
        f'<Relationship Id="rId{n}" Type="{kind}" Target="{target}"/>' for n, (kind, target) in enumerate(targets, 1)
    )
    return _part(f'<Relationships xmlns="{_PACKAGE}/relationships">{entries}</Relationships>')


def _content_types(sheets: int, *, shared: bool) -> bytes:
    types = [("xl/workbook.xml", f"{_SHEET_TYPE}.sheet.main+xml")]
    types += [(sheet_part(n), f"{_SHEET_TYPE}.worksheet+xml") for n in range(1, sheets + 1)]
    types += [("xl/styles.xml", f"{_SHEET_TYPE}.styles+xml"), ("xl/theme/theme1.xml", _THEME_TYPE)]
    types += [(SHARED_TEXTS, f"{_SHEET_TYPE}.sharedStrings+xml")] if shared else []
    types += [("docProps/core.xml", _CORE_TYPE), ("docProps/app.xml", _APP_TYPE)]
    entries = "".join(f'<Override PartName="/{part}" ContentType="{type_}"/>' for part, type_ in types)
    defaults = (
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
    )
    return _part(f'<Types xmlns="{_PACKAGE}/content-types">{defaults}{entries}</Types>')


def _core(written_at: datetime) -> bytes:
    moment = written_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return _part(
        f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:creator>exportd</dc:creator>'
        f'<dcterms:created xsi:type="dcterms:W3CDTF">{moment}</dcterms:created>'
        f'<dcterms:modified xsi:type="dcterms:W3CDTF">{moment}</dcterms:modified></cp:coreProperties>'
    )


def _app() -> bytes:
    return _part(f'<Properties xmlns="{_OFFICE}/extended-properties"><Application>exportd</Application></Properties>')


def _part(content: str) -> bytes:
    return (_XML + content).encode()
