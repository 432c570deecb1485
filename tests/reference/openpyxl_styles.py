"""The styles part and the theme of a workbook, made by openpyxl."""

from collections.abc import Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.styles.stylesheet import write_stylesheet
from openpyxl.writer.theme import write_theme
from openpyxl.xml.functions import tostring

_BEFORE_NAME = ("b", "i", "strike", "condense", "extend", "outline", "shadow", "u", "vertAlign", "sz", "color")
_FONT = (*_BEFORE_NAME, "name", "family", "charset", "scheme")


def styles_part(formats: Sequence[str]) -> bytes:
    """Return a part with a style for each number format, and a last one for a bold header."""
    book = Workbook()
    sheet = book.worksheets[0]
    for look in formats:
        cell = WriteOnlyCell(sheet)
        cell.number_format = look
        assert int(cell.style_id) == formats.index(look)
    header = WriteOnlyCell(sheet)
    header.font = Font(bold=True)
    assert int(header.style_id) == len(formats)
    content: bytes = tostring(_mended(write_stylesheet(book)))
    return content


def _mended(tree: Any) -> Any:
    """Put children of fonts into the order of the schema, and let the first fill be "none" as it must."""
    for font in tree.find("fonts"):  # the names have no namespace yet: it is an attribute of the root
        font[:] = sorted(font, key=lambda child: _FONT.index(child.tag))
    tree.find("fills/fill/patternFill").set("patternType", "none")
    return tree


def theme_part() -> bytes:
    """Return the theme."""
    content: str = write_theme()  # type: ignore[no-untyped-call]
    return content.encode()
