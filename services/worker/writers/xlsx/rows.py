"""The XML of rows, built for all columns in one step as one text per row.

The XML between two values is the same in every row except for the row's number. The step joins literals, the number as
text and the values; neighbouring literals are merged. If a column has gaps, or texts among its numbers, its cells are
built first, since they differ from row to row.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from services.worker.writers.text_bytes import blocks_of
from services.worker.writers.xlsx.letters import column_letters
from services.worker.writers.xlsx.quick import Column

_SPECIAL = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_GAP = "<c/>"  # without references, the position of a cell gives its column
_ROW = "row"
_QUOTE = '"'
TEXT_CLOSE = "</t></is></c>"

Part = str | pl.Expr


def xml_text(text: str) -> str:
    """Escape text for the content of an element. A bare CR would be read as a line feed."""
    for character, escape in _SPECIAL.items():  # the ampersand comes first, since it begins all escapes
        text = text.replace(character, escape)
    return text


def text_open(style: int, *, edges: bool) -> str:
    """Return the XML between the reference of a text cell and its text.

    `edges` preserves white space around the text.
    """
    space = ' xml:space="preserve"' if edges else ""
    return f' s="{style}" t="inlineStr"><is><t{space}>'


@dataclass(frozen=True, slots=True)
class _Shape:
    """The form of a column's cells in some rows: text, no text, or either (None). `gaps`: some cells are missing."""

    text: bool | None
    edges: bool
    gaps: bool
    shared: bool

    @property
    def differs(self) -> bool:
        """Whether cells differ in more than the value and the row's number."""
        return self.text is None or self.gaps


class RowXml:
    """Builds the rows of one table.

    `attributes` are those of each column's cells that are not text (` s="2"`). `text_style` is the style of text cells.
    """

    def __init__(self, attributes: Iterable[str], text_style: int, *, compact: bool) -> None:
        self._attributes = tuple(attributes)
        self._text_style = text_style
        self._letters = [column_letters(n) for n in range(1, len(self._attributes) + 1)]
        self._compact = compact
        self._last: tuple[list[_Shape], pl.Expr] | None = None

    def shared_cells(self, numbers: pl.Series) -> pl.Series:
        """Return the column's values for shared texts with these numbers."""
        start = f'{"<c" if self._compact else _QUOTE} s="{self._text_style}" t="s"><v>'
        return pl.select(pl.concat_str(pl.lit(start), numbers.cast(pl.String), pl.lit("</v></c>"))).to_series()

    def rows(self, columns: list[Column], first: int, count: int) -> list[memoryview]:
        """Return the XML of `count` rows (at least 1) in blocks.

        `first` is the number of the first row in its sheet.
        """
        step = self._step([_shape(column) for column in columns])
        return blocks_of(_frame(columns, first, count).select(step).to_series())

    def _step(self, shapes: list[_Shape]) -> pl.Expr:
        # Most segments of a table have the same form, and in wide tables building the expression takes longer than
        # using it. If two threads build it at the same time, nothing is lost.
        last = self._last
        if last is None or last[0] != shapes:
            self._last = last = (shapes, self._row(shapes))
        return last[1]

    def _row(self, shapes: list[_Shape]) -> pl.Expr:
        parts: list[Part] = ["<row>"] if self._compact else ['<row r="', pl.col(_ROW), '">']
        for n, shape in enumerate(shapes):
            parts += [self._cell(n, shape)] if shape.differs else self._parts(n, shape, text=bool(shape.text))
        return _joined([*parts, "</row>"])

    def _cell(self, n: int, shape: _Shape) -> pl.Expr:
        """Return whole cells. A missing cell is empty; in a compact table, it keeps the place of the next one."""
        own, text = (_joined(self._parts(n, shape, text=t)) for t in (False, True))
        if shape.text is None:
            cell = pl.when(pl.col(_mask(n))).then(text).otherwise(own)
        else:
            cell = text if shape.text else own
        return cell.fill_null(pl.lit(_GAP if self._compact else "")) if shape.gaps else cell

    def _parts(self, n: int, shape: _Shape, *, text: bool) -> list[Part]:
        place: list[Part] = [] if self._compact else [f'<c r="{self._letters[n]}', pl.col(_ROW)]
        if shape.shared:
            return [*place, pl.col(_value(n))]
        start: list[Part] = ["<c"] if self._compact else [*place, _QUOTE]
        if text:
            return [*start, text_open(self._text_style, edges=shape.edges), pl.col(_value(n)), TEXT_CLOSE]
        return [*start, f"{self._attributes[n]}><v>", pl.col(_value(n)), "</v></c>"]


def _shape(column: Column) -> _Shape:
    text = column.as_text if isinstance(column.as_text, bool) else None
    return _Shape(text, column.edges, column.values.null_count() > 0, column.shared)


def _value(n: int) -> str:
    return f"v{n}"


def _mask(n: int) -> str:
    return f"t{n}"


def _frame(columns: list[Column], first: int, count: int) -> pl.DataFrame:
    numbers = pl.int_range(first, first + count, eager=True).cast(pl.String).alias(_ROW)
    values = [_escaped(column).alias(_value(n)) for n, column in enumerate(columns)]
    masks = [c.as_text.alias(_mask(n)) for n, c in enumerate(columns) if isinstance(c.as_text, pl.Series)]
    return pl.DataFrame([numbers, *values, *masks])


def _escaped(column: Column) -> pl.Series:
    return column.values.str.replace_many(_SPECIAL) if column.markup else column.values


def _joined(parts: list[Part]) -> pl.Expr:
    """Join the parts of each row. Null where a value is null.

    `pl.format` takes two thirds of the time of `pl.concat_str`, which treats each literal as a column.
    """
    form = "".join(part if isinstance(part, str) else "{}" for part in parts)  # no literal has braces
    return pl.format(form, *(part for part in parts if not isinstance(part, str)))
