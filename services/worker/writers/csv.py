"""CSV after RFC 4180, in UTF-8. Values are quoted only where that is needed. The dialect sets the rest."""

import io
import re
from functools import lru_cache
from typing import BinaryIO

import polars as pl

from services.contract.codes import WarningCode
from services.contract.formats import CsvDialect
from services.contract.spec import ColumnSpec, Kind
from services.worker.concurrency.threads import THREADS
from services.worker.writers.lines import LineWriter
from services.worker.writers.text_bytes import blocks_of
from services.worker.writers.values import Cells, Losses, local_time_text, plain_text, zoned_header

_BOM = b"\xef\xbb\xbf"
_FRACTIONS = frozenset({Kind.DECIMAL, Kind.FLOAT})
_DIGITS = frozenset({Kind.INTEGER, Kind.DECIMAL})
_USUAL = ",;\t|"
_FORMULA = "^[ \u00a0\ufeff]*[=+@\t\r\n\0\uff1d\uff0b\uff0d\uff20-]"
"""What spreadsheets treat as the beginning of a formula, including full-width characters (OWASP ASVS 5.0, 1.2.10).

Leading blanks are included because some spreadsheets trim them, and U+FEFF because they ignore it at the beginning of a
file.
"""

FEW_CELLS = 1024
"""So many values are joined here sooner than polars has begun."""

_COMMON = CsvDialect()


class CsvWriter(LineWriter):
    """Writes CSV. Null is the dialect's `null_text`, empty text is `""`, and a text equal to `null_text` is quoted.

    In a table of one column, a null that is written as nothing is an empty line, which is counted as a warning.
    """

    def __init__(
        self,
        file: BinaryIO,
        columns: tuple[ColumnSpec, ...],
        time_zone: str,
        dialect: CsvDialect = _COMMON,
        *,
        careful: bool = False,
        threads: int = THREADS,
    ) -> None:
        """`careful` never uses the CSV writer of polars. This is slower; tests compare the fast path with it."""
        super().__init__(file, columns, time_zone, threads=threads)
        self._careful = careful
        self._dialect = dialect
        # Kinds without delimiters or quotes in their text are passed to polars unchanged, which saves a third of the
        # time.
        self._as_they_are = _DIGITS if dialect.delimiter in _USUAL and not dialect.null_text else frozenset()
        if careful:
            self._as_they_are = frozenset()
        if dialect.decimal_comma:
            self._as_they_are -= _FRACTIONS
        if dialect.bom:
            file.write(_BOM)
        if dialect.header:
            file.write(self._header())

    def _header(self) -> bytes:
        line, escaped = _header_line(tuple(self._header_text(c) for c in self._columns), self._dialect)
        self._losses.add(WarningCode.FORMULA_ESCAPED, escaped)
        return line

    def _header_text(self, spec: ColumnSpec) -> str:
        return zoned_header(spec, self._time_zone) if self._dialect.local_times else spec.header

    def _text(self, cells: list[Cells], losses: Losses) -> list[memoryview]:
        if len(cells) == 1 and not self._dialect.null_text:
            losses.add(WarningCode.NULL_AS_EMPTY_LINE, cells[0].values.null_count())
        if len(cells) * len(cells[0].values) <= FEW_CELLS and not self._careful:
            return [_by_hand([self._plain(c, losses) for c in cells], self._dialect)]
        frame = pl.DataFrame([self._field(c, losses).alias(str(i)) for i, c in enumerate(cells)])
        return [_quickly(frame, self._dialect)] if self._is_quick(frame) else self._carefully(frame)

    def _is_quick(self, frame: pl.DataFrame) -> bool:
        """Whether the CSV writer of polars gives the right result.

        It cannot quote a text equal to the null text, and accepts only ASCII delimiters.
        """
        null_text = self._dialect.null_text
        return (
            not self._careful
            and self._dialect.delimiter.isascii()
            and not (null_text and any((s == null_text).any() for s in frame))
        )

    def _carefully(self, frame: pl.DataFrame) -> list[memoryview]:
        dialect = self._dialect
        fields = pl.DataFrame([quoted(s, dialect).fill_null(dialect.null_text).alias(s.name) for s in frame])
        ended = fields.with_columns(pl.concat_str(fields.columns[-1], pl.lit(dialect.line_terminator.value)))
        return blocks_of(ended.select(pl.concat_str(pl.all(), separator=dialect.delimiter)).to_series())

    def _field(self, cells: Cells, losses: Losses) -> pl.Series:
        """Return a column's values, not yet quoted. Those of some kinds are not texts."""
        return cells.values if cells.spec.type.kind in self._as_they_are else self._plain(cells, losses)

    def _plain(self, cells: Cells, losses: Losses) -> pl.Series:
        """Return a column's values as texts, not yet quoted."""
        kind = cells.spec.type.kind
        if self._dialect.local_times and kind is Kind.TIMESTAMP:
            return self._local_time(cells)
        text = plain_text(cells, self._time_zone, losses)
        if self._dialect.decimal_comma and kind in _FRACTIONS:
            return text.str.replace(".", ",", literal=True)
        if self._dialect.escape_formulas and kind is Kind.TEXT:
            return guarded(text, losses)
        return text

    def _local_time(self, cells: Cells) -> pl.Series:
        text = local_time_text(cells, self._time_zone)
        return text.str.replace(".", ",", literal=True) if self._dialect.decimal_comma else text


@lru_cache(maxsize=64)
def _header_line(headers: tuple[str, ...], dialect: CsvDialect) -> tuple[bytes, int]:
    """Return the first line and the number of headers that were escaped. Most files have the header of another one."""
    losses = Losses()
    texts = pl.Series(headers, dtype=pl.String)
    if dialect.escape_formulas:
        texts = guarded(texts, losses)
    line = dialect.delimiter.join(quoted(texts, dialect))
    return f"{line}{dialect.line_terminator.value}".encode(), losses.counts[WarningCode.FORMULA_ESCAPED]


def _by_hand(columns: list[pl.Series], dialect: CsvDialect) -> memoryview:
    """Return the lines of texts, of which there are few: polars would take longer to begin."""
    quoted_signs = frozenset(f'"\r\n{dialect.delimiter}')
    null_text, end = dialect.null_text, dialect.line_terminator.value

    def field(text: str | None) -> str:
        if text is None:
            return null_text
        if text in ("", null_text) or not quoted_signs.isdisjoint(text):
            return '"' + text.replace('"', '""') + '"'
        return text

    lines = zip(*(map(field, texts.to_list()) for texts in columns), strict=True)
    return memoryview("".join(dialect.delimiter.join(line) + end for line in lines).encode())


def _quickly(frame: pl.DataFrame, dialect: CsvDialect) -> memoryview:
    block = io.BytesIO()
    frame.write_csv(
        block,
        include_header=False,
        separator=dialect.delimiter,
        line_terminator=dialect.line_terminator.value,
        null_value=dialect.null_text,
        quote_style="necessary",
    )
    return block.getbuffer()


def quoted(text: pl.Series, dialect: CsvDialect) -> pl.Series:
    """Quote texts that a reader would otherwise misread. Null stays null."""
    special = text.str.contains(f'["\r\n{re.escape(dialect.delimiter)}]') | (text == "") | (text == dialect.null_text)
    if not special.any():
        return text
    around = pl.concat_str(pl.lit('"'), text.str.replace_all('"', '""', literal=True), pl.lit('"'))
    return pl.select(pl.when(special).then(around).otherwise(text)).to_series()


def guarded(text: pl.Series, losses: Losses) -> pl.Series:
    """Put an apostrophe before texts that a spreadsheet would treat as a formula, and count them."""
    formulas = text.str.contains(_FORMULA)
    losses.add(WarningCode.FORMULA_ESCAPED, int(formulas.sum()))
    if not formulas.any():
        return text
    return pl.select(pl.when(formulas).then(pl.concat_str(pl.lit("'"), text)).otherwise(text)).to_series()
