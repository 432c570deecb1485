"""Faults of a sheet's XML that Microsoft's validator does not see. It reads the XML once; memory stays the same.

Only what this project writes is allowed: inline and shared text, numbers and booleans; a formula or an error is a
fault.
"""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO
from xml.parsers import expat

from tests.linters.element_order import WORKSHEET
from tests.linters.fault import Fault
from tests.linters.references import position_of, range_of

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_ROWS, MAX_COLUMNS, MAX_UNITS, MAX_LINKS = 1_048_576, 16_384, 32_767, 65_530
MAX_FAULTS = 100
"""After that many the rest is not worth telling."""

_CONTAINERS = {"cols", "mergeCells", "hyperlinks", "dataValidations", "tableParts", "sheetViews", "rowBreaks"}
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_ESCAPE = re.compile(r"_x[0-9A-Fa-f]{4}_")
_XML_SPACE = "xml:space"
_WHITE = " \t\n\r"
_TEXTS = {"v", "t", "f"}


@dataclass
class Sheet:
    """What was seen in a sheet: used rows and columns, where its filter is ("" for nowhere), cells with shared texts
    and how many texts they need.
    """

    faults: list[Fault] = field(default_factory=list)
    shared_cells: int = 0
    shared_texts: int = 0
    rows: int = 0
    columns: int = 0
    auto_filter: str = ""


def read_sheet(xml: BinaryIO, styles: int | None = None) -> Sheet:
    """A sheet with its faults; `styles` is how many cell formats the workbook has, None for unknown."""
    reader = _Reader(styles)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.ParseFile(xml)
    except expat.ExpatError as problem:
        reader.fault("sheet-xml", str(problem))
    reader.finish()
    return reader.sheet


class _Reader:
    """The state of one reading: where it is, and what came before."""

    def __init__(self, styles: int | None) -> None:
        self.sheet = Sheet()
        self._styles = styles
        self._path: list[str] = []
        self._children: list[int] = []
        self._last_part = -1
        self._column = 0
        self._dimension = ""
        self._cell: _Cell | None = None
        self._text: list[str] | None = None
        self._space = False
        self._links = 0
        self._col_end = 0
        self._on: dict[str, Callable[[dict[str, str]], None]] = {
            "row": self._row, "c": self._start_cell, "dimension": self._note_dimension, "autoFilter": self._filter,
            "hyperlink": self._link, "col": self._col,
        }  # fmt: skip

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._path) == 1:
            self._part(name)
        if self._children:
            self._children[-1] += 1
        self._path.append(name)
        self._children.append(0)
        if name in self._on:
            self._on[name](attributes)
        if name in _TEXTS and self._cell is not None:
            self._text, self._space = [], attributes.get(_XML_SPACE) == "preserve"

    def text(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def end(self, name: str) -> None:
        if not self._children.pop() and name in _CONTAINERS:
            self.fault("sheet-empty-container", name)
        self._path.pop()
        if self._text is not None and self._cell is not None and name in _TEXTS:
            self._cell.texts.setdefault(name, []).append("".join(self._text))
            self._spaces(name, "".join(self._text))
            self._text = None
        if name == "c" and self._cell is not None:
            for rule in self._cell.faults():
                self.fault(rule, self._cell.where)
            self._count_shared(self._cell)
            self._cell = None

    def finish(self) -> None:
        if self._last_part < WORKSHEET.index("sheetData"):
            self.fault("sheet-order", "there is no sheetData")
        if self._links > MAX_LINKS:
            self.fault("sheet-links", f"{self._links}")
        used = self._dimension and range_of(self._dimension)
        if used and (self.sheet.rows > used[3] or self.sheet.columns > used[2]):
            self.fault("sheet-dimension", self._dimension)
        found = self.sheet.auto_filter and range_of(self.sheet.auto_filter)
        if found == () or (found and (found[1] != 1 or found[3] != max(self.sheet.rows, 1))):
            self.fault("sheet-filter", self.sheet.auto_filter)

    def fault(self, rule: str, where: str) -> None:
        if len(self.sheet.faults) < MAX_FAULTS:
            self.sheet.faults.append(Fault(rule, where))

    def _count_shared(self, cell: "_Cell") -> None:
        if cell.type == "s" and not cell.faults():
            self.sheet.shared_cells += 1
            self.sheet.shared_texts = max(self.sheet.shared_texts, int(cell.texts["v"][0]) + 1)

    def _part(self, name: str) -> None:
        place = WORKSHEET.index(name) if name in WORKSHEET else -1
        if place < 0 or place < self._last_part or (place == self._last_part and name != "conditionalFormatting"):
            self.fault("sheet-order", name)
        self._last_part = max(place, self._last_part)

    def _row(self, attributes: dict[str, str]) -> None:
        number = int(attributes["r"]) if attributes.get("r", "").isdigit() else self.sheet.rows + 1
        if number <= self.sheet.rows:
            self.fault("sheet-row-order", f"row {number} after row {self.sheet.rows}")
        if number > MAX_ROWS:
            self.fault("sheet-too-many-rows", f"row {number}")
        self.sheet.rows, self._column = number, 0

    def _start_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r", "")
        column, row = position_of(reference) or (0, 0) if reference else (self._column + 1, self.sheet.rows)
        where = reference or f"row {row}, column {column}"
        if column <= self._column or row != self.sheet.rows:
            self.fault("sheet-cell-order", f"{where} in row {self.sheet.rows} after column {self._column}")
        if column > MAX_COLUMNS:
            self.fault("sheet-too-many-columns", where)
        self._column = max(column, self._column)
        self.sheet.columns = max(column, self.sheet.columns)
        style = attributes.get("s", "0")
        if not style.isdigit() or (self._styles is not None and int(style) >= self._styles):
            self.fault("sheet-style", f"{where}: {style}")
        self._cell = _Cell(where, attributes.get("t", "n"), bool(reference))

    def _spaces(self, name: str, text: str) -> None:
        if name == "t" and text and (text[0] in _WHITE or text[-1] in _WHITE) and not self._space:
            self.fault("sheet-space", self._cell.where if self._cell else "")

    def _note_dimension(self, attributes: dict[str, str]) -> None:
        self._dimension = attributes.get("ref", "")

    def _filter(self, attributes: dict[str, str]) -> None:
        self.sheet.auto_filter = attributes.get("ref", "?")

    def _link(self, _: dict[str, str]) -> None:
        self._links += 1

    def _col(self, attributes: dict[str, str]) -> None:
        first, last = int(attributes.get("min", "0")), int(attributes.get("max", "0"))
        width = float(attributes.get("width", "0"))
        if not (self._col_end < first <= last <= MAX_COLUMNS and 0 <= width <= 255):
            self.fault("sheet-cols", f"{first} to {last}, {width} wide")
        self._col_end = last


@dataclass
class _Cell:
    where: str
    type: str
    has_reference: bool
    texts: dict[str, list[str]] = field(default_factory=dict)

    def faults(self) -> list[str]:
        """Rules that its content breaks."""
        if "f" in self.texts:
            return ["sheet-formula"]
        match self.type:
            case "n":
                return self._number()
            case "b":
                return [] if self.texts in ({"v": ["0"]}, {"v": ["1"]}) else ["sheet-boolean"]
            case "inlineStr":
                return self._inline()
            case "s":
                found = self.texts.get("v", [])
                only = list(self.texts) == ["v"] and len(found) == 1 and found[0].isdigit()
                return [] if only else ["sheet-shared-text"]
        return ["sheet-cell-type"]

    def _number(self) -> list[str]:
        """Null is no cell; only where cells have no references an empty one must stand in its place."""
        if not self.texts and not self.has_reference:
            return []
        values = self.texts.get("v", [])
        only = len(values) == 1 and "t" not in self.texts
        return [] if only and _NUMBER.fullmatch(values[0]) else ["sheet-text-in-number"]

    def _inline(self) -> list[str]:
        if "v" in self.texts or "t" not in self.texts:
            return ["sheet-inline-text"]
        text = _ESCAPE.sub("_", "".join(self.texts["t"]))
        long = len(text) > MAX_UNITS // 2 and len(text.encode("utf-16-le")) // 2 > MAX_UNITS
        return ["sheet-long-text"] if long else []
