"""Each rule about shared texts, broken once in a workbook that is otherwise right, is found, and nothing else is."""

import pytest

from tests.linters.fault import rules_of
from tests.linters.plain_book import PARTS, RELS, SHEET, TYPES, book_of
from tests.linters.workbook_linter import workbook_faults

SHARED = "xl/sharedStrings.xml"
SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
RELATION = (
    '<Relationship Id="rId9" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" '
    'Target="sharedStrings.xml"/></Relationships>'
)
CELL = '<c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c>'
TEXTS = '<si><t>a</t></si><si><t xml:space="preserve"> b</t></si></sst>'
START = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="2" uniqueCount="2">'
INLINE = '<c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="inlineStr"><is><t>b</t></is></c>'


def shared_book() -> dict[str, str]:
    override = f'<Override PartName="/{SHARED}" ContentType="{SPREADSHEET}.sharedStrings+xml"/></Types>'
    return PARTS | {
        TYPES: PARTS[TYPES].replace("</Types>", override),
        RELS: PARTS[RELS].replace("</Relationships>", RELATION),
        SHEET: PARTS[SHEET].replace(INLINE, CELL),
        SHARED: START + TEXTS,
    }


def test_a_right_workbook_with_shared_texts_has_no_fault():
    assert workbook_faults(book_of(shared_book())) == []


@pytest.mark.parametrize(
    ("rule", "part", "old", "new"),
    [
        ("book-shared-count", SHARED, 'count="2"', 'count="3"'),
        ("book-shared-count", SHARED, 'uniqueCount="2"', 'uniqueCount="1"'),
        ("book-shared-count", SHEET, "<v>1</v></c></row>", "<v>2</v></c></row>"),
        ("book-shared-count", SHARED, '<t xml:space="preserve"> b</t>', "<t>a</t>"),
        ("book-shared-space", SHARED, ' xml:space="preserve"', ""),
        ("book-shared-long", SHARED, "<t>a</t>", f"<t>{'x' * 32_768}</t>"),
        ("book-no-shared-texts", RELS, RELATION, "</Relationships>"),
        ("sheet-shared-text", SHEET, '<c r="A1" t="s"><v>0</v>', '<c r="A1" t="s"><v>-1</v>'),
    ],
)
def test_a_fault_of_shared_texts_is_found(rule, part, old, new):
    parts = shared_book()
    assert old in parts[part]
    parts[part] = parts[part].replace(old, new, 1)
    assert rule in rules_of(workbook_faults(book_of(parts)))
