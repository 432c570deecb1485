"""The looks of a workbook: openpyxl makes the styles and the theme, once for each set of number formats."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.styles.stylesheet import write_stylesheet
from openpyxl.writer.theme import write_theme
from openpyxl.xml.functions import tostring

_GENERAL = "General"
_BEFORE_NAME = ("b", "i", "strike", "condense", "extend", "outline", "shadow", "u", "vertAlign", "sz", "color")
_FONT = (*_BEFORE_NAME, "name", "family", "charset", "scheme")
_PLACES = {name: place for place, name in enumerate(_FONT)}


@dataclass(frozen=True, slots=True)
class Styles:
    """The styles part, the number of the header's style and that of each number format (0: nothing to say)."""

    part: bytes
    header: int
    numbers: dict[str, int]


def styles_for(formats: Iterable[str]) -> Styles:
    """Styles for a bold header and cells with these number formats."""
    return _styles(tuple(dict.fromkeys((_GENERAL, *formats))))


@lru_cache(maxsize=1)
def theme() -> bytes:
    """The theme part."""
    content: str = write_theme()  # type: ignore[no-untyped-call]
    return content.encode()


@lru_cache(maxsize=64)
def _styles(formats: tuple[str, ...]) -> Styles:
    book = Workbook()
    sheet = book.worksheets[0]
    cells = [WriteOnlyCell(sheet) for _ in formats]
    for cell, number_format in zip(cells, formats, strict=True):
        cell.number_format = number_format
    header = WriteOnlyCell(sheet)
    header.font = Font(bold=True)
    numbers = {f: int(cell.style_id) for f, cell in zip(formats, cells, strict=True)}
    header_style = int(header.style_id)
    return Styles(_part(book), header_style, numbers)


def _part(book: Workbook) -> bytes:
    tree = write_stylesheet(book)
    for font in tree.find("fonts"):  # its names have no namespace yet: that is an attribute of the root
        # The schema has the children in one order, openpyxl in another; Microsoft's validator minds.
        font[:] = sorted(font, key=lambda child: _PLACES[child.tag])
    tree.find("fills/fill/patternFill").set("patternType", "none")  # the first must be it, and openpyxl says nothing
    content: bytes = tostring(tree)
    return content
