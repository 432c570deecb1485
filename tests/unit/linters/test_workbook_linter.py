"""Each rule, broken once in a workbook that is otherwise right, is found, and nothing else is."""

import pytest

from tests.linters.fault import rules_of
from tests.linters.plain_book import BOOK, PARTS, RELS, SHEET, STYLES, TYPES, book_of, broken
from tests.linters.workbook_linter import workbook_faults

SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
RELATIONSHIPS = "application/vnd.openxmlformats-package.relationships+xml"
LONG = "😀" * 16_384
ROW_3 = '<row r="3">'
CELL = "<v>1.5</v>"
STYLE = f'<Override PartName="/xl/styles.xml" ContentType="{SPREADSHEET}.styles+xml"/>'
NORMAL = '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
ASTRAY = '<Relationship Id="r" Type="x/theme" Target="no.xml"/></Relationships>'

SHEET_FAULTS = [
    ("sheet-row-order", '<row r="2">', '<row r="3">'),
    ("sheet-row-order", ROW_3, '<row r="2">'),
    ("sheet-too-many-rows", '<row r="3"><c r="C3"', '<row r="1048577"><c r="C1048577"'),
    ("sheet-cell-order", 'r="B2"', 'r="A2"'),
    ("sheet-cell-order", 'r="C2"', 'r="C4"'),
    ("sheet-cell-order", 'r="C2"', 'r="c2"'),
    ("sheet-too-many-columns", 'r="C3"', 'r="XFE3"'),
    ("sheet-text-in-number", CELL, "<v>one</v>"),
    ("sheet-text-in-number", CELL, "<v>NaN</v>"),
    ("sheet-text-in-number", CELL, "<v>1,5</v>"),
    ("sheet-text-in-number", CELL, ""),
    ("sheet-text-in-number", CELL, "<is><t>1</t></is>"),
    ("sheet-boolean", '<c r="B2" t="b"><v>1</v>', '<c r="B2" t="b"><v>true</v>'),
    ("sheet-inline-text", "<is><t>a</t></is>", "<v>a</v>"),
    ("sheet-formula", CELL, "<f>1+1</f><v>2</v>"),
    ("sheet-cell-type", '<c r="A2">', '<c r="A2" t="e">'),
    ("sheet-long-text", "<t>a</t>", f"<t>{LONG}</t>"),
    ("sheet-long-text", "<t>a</t>", f"<t>{'_x0001_' * 32_768}</t>"),
    ("sheet-space", ' xml:space="preserve"', ""),
    ("sheet-style", 's="1"', 's="2"'),
    ("sheet-dimension", 'ref="A1:C3"/><cols>', 'ref="A1:C2"/><cols>'),
    ("sheet-cols", 'max="3"', 'max="16385"'),
    ("sheet-empty-container", '<col min="1" max="3" width="9"/>', ""),
    ("sheet-empty-container", "<pageMargins/>", "<hyperlinks/><pageMargins/>"),
    ("sheet-order", "<pageMargins/>", "<mergeCells><mergeCell/></mergeCells><autoFilter/>"),
    ("sheet-order", "<pageMargins/>", "<unknown/>"),
    ("sheet-filter", '<autoFilter ref="A1:C3"/>', '<autoFilter ref="A1:C2"/>'),
    ("sheet-filter", '<autoFilter ref="A1:C3"/>', '<autoFilter ref="C1:A3"/>'),
    ("sheet-xml", "<t>a</t>", "<t>\x01</t>"),
    ("sheet-xml", "<t>a</t>", "<t>\ufffe</t>"),
    ("sheet-xml", "<t>a</t>", "<t>&#1;</t>"),
    ("sheet-links", "<pageMargins/>", f"<hyperlinks>{'<hyperlink/>' * 65_531}</hyperlinks>"),
]
OTHER_FAULTS = [
    ("style-missing", STYLES, NORMAL, ""),
    ("style-normal", STYLES, 'name="Normal"', 'name="Ordinary"'),
    ("style-default", STYLES, '<cellXfs count="2"><xf numFmtId="0"', '<cellXfs count="2"><xf numFmtId="1"'),
    ("style-fills", STYLES, "gray125", "solid"),
    ("style-font-order", STYLES, '<sz val="11"/><name val="Calibri"/>', '<name val="Calibri"/><sz val="11"/>'),
    ("style-reference", STYLES, 'fontId="1"', 'fontId="2"'),
    ("style-number-format", STYLES, 'numFmtId="164" fontId', 'numFmtId="165" fontId'),
    ("style-number-format", STYLES, 'numFmtId="164" formatCode', 'numFmtId="14" formatCode'),
    ("style-count", STYLES, '<fonts count="2">', '<fonts count="3">'),
    ("style-order", STYLES, "</styleSheet>", "<dxfs/><dxfs/></styleSheet>"),
    ("book-sheet-name", BOOK, 'name="one"', 'name="o/ne"'),
    ("book-sheet-name", BOOK, 'name="one"', "name=\"'one\""),
    ("book-sheet-name", BOOK, 'name="one"', f'name="{"😀" * 16}"'),
    ("book-sheet-name", BOOK, 'name="one"', 'name="History"'),
    ("book-order", BOOK, "</workbook>", "<bookViews/></workbook>"),
    ("book-sheet-without-part", BOOK, 'r:id="rId1"', 'r:id="rId2"'),
    ("book-filter-name", BOOK, "$C$3", "$C$2"),
    ("book-filter-name", BOOK, ' hidden="1"', ""),
    ("book-filter-name", BOOK, "_xlnm._FilterDatabase", "_xlnm.Print_Area"),
    ("relation-without-part", RELS, "</Relationships>", ASTRAY),
    ("relation-duplicate", RELS, 'Id="rId2"', 'Id="rId1"'),
    ("relation-unknown", RELS, '/theme"', '/themes"'),
    ("type-without-part", TYPES, "</Types>", '<Override PartName="/no.xml" ContentType="x"/></Types>'),
    ("type-duplicate", TYPES, "</Types>", f'<Default Extension="rels" ContentType="{RELATIONSHIPS}"/></Types>'),
    ("type-wrong", TYPES, "spreadsheetml.styles+xml", "theme+xml"),
    ("part-without-type", TYPES, STYLE, ""),
    ("part-unreadable", BOOK, "</workbook>", ""),
]  # fmt: skip


def test_a_workbook_without_a_fault_has_none():
    assert workbook_faults(book_of(PARTS)) == []


@pytest.mark.parametrize(("rule", "old", "new"), SHEET_FAULTS)
def test_a_fault_of_a_sheet_is_found(rule, old, new):
    found = rules_of(workbook_faults(broken(SHEET, old, new)))
    assert rule in found
    assert set(found) <= {rule} | FOLLOWS.get(rule, set())


FOLLOWS = {
    "sheet-row-order": {"sheet-cell-order", "sheet-filter"},
    "sheet-too-many-rows": {"sheet-dimension", "sheet-filter"},
    "sheet-too-many-columns": {"sheet-dimension"},
    "sheet-xml": {"sheet-dimension", "sheet-filter", "sheet-order", "book-filter-name"},
    "sheet-filter": {"book-filter-name"},
    "sheet-order": {"sheet-filter", "book-filter-name"},
    "book-sheet-name": {"book-filter-name"},
    "relation-duplicate": {"book-sheet-without-part", "part-missing", "part-without-relation"},
    "relation-unknown": {"part-missing"},
    "style-missing": {"style-normal"},
}
"""What else goes wrong with a rule."""


@pytest.mark.parametrize(("rule", "part", "old", "new"), OTHER_FAULTS)
def test_a_fault_of_another_part_is_found(rule, part, old, new):
    found = rules_of(workbook_faults(broken(part, old, new)))
    assert rule in found
    assert set(found) <= {rule} | FOLLOWS.get(rule, set())


def test_a_part_that_nothing_leads_to_is_found():
    parts = {**PARTS, TYPES: PARTS[TYPES].replace("</Types>", '<Default Extension="png" ContentType="x"/></Types>')}
    assert rules_of(workbook_faults(book_of({**parts, "xl/a.png": ""}))) == ["part-without-relation"]


def test_a_workbook_without_theme_or_styles_is_found():
    parts = {name: text for name, text in PARTS.items() if name not in (STYLES, "xl/theme/theme1.xml")}
    found = rules_of(workbook_faults(book_of(parts)))
    assert {"relation-without-part", "type-without-part"} <= set(found)


def test_two_sheets_whose_names_differ_in_case_only_are_found():
    sheets = '<sheet name="one" sheetId="1" r:id="rId1"/>'
    twice = f'{sheets}<sheet name="ONE" sheetId="1" r:id="rId1"/>'
    found = rules_of(workbook_faults(broken(BOOK, sheets, twice)))
    assert found == ["book-filter-name", "book-sheet-id", "book-sheet-name-twice"]


def test_the_first_entry_must_be_one_that_tells_what_the_file_is():
    parts = {STYLES: PARTS[STYLES], **PARTS}
    assert rules_of(workbook_faults(book_of(parts))) == ["zip-first-entry"]


def test_rows_and_cells_without_references_are_counted():
    references = ' r="'
    parts = PARTS[SHEET].split(references)
    bare = parts[0] + "".join(rest.partition('"')[2] for rest in parts[1:])
    bare = bare.replace(
        '<row><c t="inlineStr"><is><t xml', '<row><c><v>0</v></c><c><v>0</v></c><c t="inlineStr"><is><t xml'
    )
    assert workbook_faults(book_of(PARTS | {SHEET: bare})) == []


def test_thousands_of_faults_of_one_sheet_are_not_all_told():
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>x</v></c></row>' for n in range(4, 5000))
    found = workbook_faults(broken(SHEET, "</sheetData>", rows + "</sheetData>"))
    assert sum(fault.rule == "sheet-text-in-number" for fault in found) == 100
