"""CSV as RFC 4180 says: UTF-8 without a byte order mark, commas, CRLF, a header, quotes only where they are needed."""

from typing import BinaryIO

import polars as pl

from services.contract.spec import ColumnSpec, Kind
from services.worker.writers.lines import LineWriter
from services.worker.writers.values import Cells, plain_text

_MAY_NEED_QUOTES = frozenset({Kind.TEXT, Kind.JSON, Kind.BINARY})  # binary for being empty


class CsvWriter(LineWriter):
    """Null is nothing between two commas, empty text is `""`. A table of one column has an empty line for a null."""

    def __init__(self, file: BinaryIO, columns: tuple[ColumnSpec, ...], time_zone: str) -> None:
        super().__init__(file, columns, time_zone)
        headers = quoted(pl.Series([c.header for c in columns], dtype=pl.String))
        file.write((",".join(headers) + "\r\n").encode())

    def _lines(self, cells: list[Cells]) -> pl.Series:
        fields = pl.DataFrame([self._field(c).alias(str(i)) for i, c in enumerate(cells)])
        ended = fields.with_columns(pl.concat_str(fields.columns[-1], pl.lit("\r\n")))
        return ended.select(pl.concat_str(pl.all(), separator=",")).to_series()

    def _field(self, cells: Cells) -> pl.Series:
        text = plain_text(cells, self._time_zone, self._losses)
        return (quoted(text) if cells.spec.type.kind in _MAY_NEED_QUOTES else text).fill_null("")


def quoted(text: pl.Series) -> pl.Series:
    """Texts with quotes around them where a reader would take them for something else; null stays null."""
    special = text.str.contains('[",\r\n]') | (text == "")
    if not special.any():
        return text
    around = pl.concat_str(pl.lit('"'), text.str.replace_all('"', '""', literal=True), pl.lit('"'))
    return pl.select(pl.when(special).then(around).otherwise(text)).to_series()
