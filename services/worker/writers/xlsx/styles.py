"""The styles of a workbook. openpyxl makes styles and theme once for each set of number formats."""

from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.styles.stylesheet import write_stylesheet
from openpyxl.writer.theme import write_theme
from openpyxl.xml.functions import fromstring, tostring

from services.contract.spec import ColumnSpec
from services.worker.writers.xlsx.cells import MOMENTS, TEXT_FORMAT, number_format

_GENERAL = "General"
_BEFORE_NAME = ("b", "i", "strike", "condense", "extend", "outline", "shadow", "u", "vertAlign", "sz", "color")
_FONT = (*_BEFORE_NAME, "name", "family", "charset", "scheme")
_PLACES = {name: place for place, name in enumerate(_FONT)}


@dataclass(frozen=True, slots=True)
class Styles:
    """Numbers of cell styles: for the header, for text, and for each column's cells that are not text."""

    header: int
    text: int
    columns: tuple[int, ...]
    _base: "_Base"
    _moments: tuple[int, ...]
    _specs: tuple[ColumnSpec, ...]

    def part(self, milliseconds: Collection[int] = ()) -> bytes:
        """Return the styles part.

        Columns at the positions in `milliseconds` show milliseconds, which is known only after all rows.
        """
        if not self._moments:
            return self._base.content
        tree: Any = fromstring(self._base.content)
        styles = tree.find("{*}cellXfs")
        for n in self._moments:
            look = number_format(self._specs[n], milliseconds=n in milliseconds)
            styles.append(deepcopy(styles[self._base.numbers[look]]))
        styles.set("count", str(len(styles)))
        content: bytes = tostring(tree)
        return content


def styles_for(specs: tuple[ColumnSpec, ...]) -> Styles:
    """Return the styles of a table.

    Each column of moments has a style of its own, so that its format can be chosen at the end.
    """
    looks = {number_format(spec, milliseconds=ms) for spec in specs for ms in (False, True)}
    base = _base((_GENERAL, TEXT_FORMAT, *sorted(looks - {_GENERAL, TEXT_FORMAT})))
    moments = tuple(n for n, spec in enumerate(specs) if spec.type.kind in MOMENTS)
    own = {n: base.count + place for place, n in enumerate(moments)}
    columns = tuple(own.get(n, base.numbers[number_format(spec)]) for n, spec in enumerate(specs))
    return Styles(base.header, base.numbers[TEXT_FORMAT], columns, base, moments, specs)


@dataclass(frozen=True, slots=True)
class _Base:
    """A styles part with a bold header and one style for each number format."""

    content: bytes
    header: int
    numbers: dict[str, int]

    @property
    def count(self) -> int:
        return len(self.numbers) + 1


@lru_cache(maxsize=1)
def theme() -> bytes:
    """Return the theme part."""
    content: str = write_theme()  # type: ignore[no-untyped-call]
    return content.encode()


@lru_cache(maxsize=64)
def _base(formats: tuple[str, ...]) -> _Base:
    book = Workbook()
    sheet = book.worksheets[0]
    cells = [WriteOnlyCell(sheet) for _ in formats]
    for cell, look in zip(cells, formats, strict=True):
        cell.number_format = look
    header = WriteOnlyCell(sheet)
    header.font = Font(bold=True)
    numbers = {f: int(cell.style_id) for f, cell in zip(formats, cells, strict=True)}
    header_style = int(header.style_id)
    return _Base(_part(book), header_style, numbers)


def _part(book: Workbook) -> bytes:
    tree = write_stylesheet(book)
    for font in tree.find("fonts"):  # the names have no namespace yet: it is an attribute of the root
        # The schema prescribes the order of children. openpyxl uses another one, which Microsoft's validator reports.
        font[:] = sorted(font, key=lambda child: _PLACES[child.tag])
    # the first fill must be "none", and openpyxl does not set it
    tree.find("fills/fill/patternFill").set("patternType", "none")
    content: bytes = tostring(tree)
    return content
