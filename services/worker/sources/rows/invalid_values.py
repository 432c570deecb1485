"""Handles values that are not of their column's type, in the rows that match."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from services.contract.codes import WarningCode
from services.contract.outcome import ExportWarning
from services.contract.spec import Invalid
from services.worker.sources import errors
from services.worker.sources.rows.columns import SourceColumn
from services.worker.sources.rows.invalid import Typed, texts_of
from services.worker.sources.rows.parse import Array, pc
from services.worker.sources.rows.plain_text import plain_texts

_TEXTS, _KEY = "\1", "\2"
"""Prefixes of additional columns of a batch: the texts of invalid values, and the key."""

_WHAT = {
    WarningCode.INVALID_VALUE_AS_NULL: "values that are not of their column's type: written as null",
    WarningCode.INVALID_VALUE_AS_TEXT: "values that are not of their column's type: written as text",
}


class InvalidValues:
    """Refuses, replaces and counts invalid values, as the columns of a selection ask for."""

    def __init__(self, selection: Sequence[SourceColumn]) -> None:
        self._selection = selection
        self._kept = [i for i, c in enumerate(selection) if c.field]
        self._schema = pa.schema([selection[i].arrow_field for i in self._kept])
        self._texts = [place for place, i in enumerate(self._kept) if selection[i].becomes_text]
        self._key = {c.name: i for i, c in reversed([*enumerate(selection)]) if c.in_key}
        self._counts: Counter[tuple[WarningCode, str]] = Counter()

    def batch_of(self, columns: Sequence[Typed]) -> pa.RecordBatch:
        """Build a batch of the typed columns, with additional columns that `settled` needs.

        Rows may be filtered in between.
        """
        arrays = {str(place): columns[i].values for place, i in enumerate(self._kept)}
        texts = {f"{_TEXTS}{p}": columns[i].invalid for p, i in enumerate(self._kept) if columns[i].invalid is not None}
        if texts:
            arrays |= texts | {f"{_KEY}{name}": _shown(columns[i]) for name, i in self._key.items()}
        return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))

    def settled(self, batch: pa.RecordBatch, rows_before: int) -> pa.RecordBatch:
        """Return the batch of the reading, with invalid values handled. Raises SourceFailed (VALUE_INVALID)."""
        arrays = list(batch.columns[: len(self._kept)])
        invalid = {place: batch.column(f"{_TEXTS}{place}") for place in self._with_texts(batch)}
        for place, texts in invalid.items():
            arrays[place] = self._settle(place, arrays[place], texts, batch, rows_before)
        for place in self._texts:
            column = self._selection[self._kept[place]]
            plain = plain_texts(arrays[place], column.label, column.type)
            arrays[place] = pc.coalesce(invalid[place], plain) if place in invalid else plain
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def undecidable(self, column: SourceColumn, columns: Sequence[Typed], row: int) -> errors.SourceFailed:
        """Return the failure for an invalid value of `column` that decides whether its row matches.

        If the column is secret, such as the tenant's, the row may belong to somebody else, so the message says nothing
        about it.
        """
        if column.secret:
            return errors.undecidable(column.label, column.type)
        texts = columns[self._selection.index(column)].invalid
        value = texts[row].as_py() if texts is not None else None
        key = key_text((name, _text_at(_shown(columns[i]), row)) for name, i in self._key.items())
        return errors.undecidable(column.label, column.type, value, key)

    def warnings(self) -> list[ExportWarning]:
        """Return one warning for each kind and column."""
        return [ExportWarning(c, f"{label}: {_WHAT[c]}", n) for (c, label), n in self._counts.items()]

    def _with_texts(self, batch: pa.RecordBatch) -> Iterator[int]:
        return (int(name[1:]) for name in batch.schema.names[len(self._kept) :] if name[0] == _TEXTS)

    def _settle(self, place: int, values: Array, texts: Array, batch: pa.RecordBatch, rows_before: int) -> Array:
        count = len(texts) - texts.null_count
        column = self._selection[self._kept[place]]
        if count and column.invalid is Invalid.REFUSE:
            row = pc.index(pc.is_valid(texts), value=True).as_py()
            value = None if column.secret else texts[row].as_py()
            raise errors.value_invalid(column.label, column.type, rows_before + row + 1, value, _key_of(batch, row))
        self._count(column, count)
        return pc.coalesce(values, texts) if column.invalid is Invalid.TEXT and not column.becomes_text else values

    def _count(self, column: SourceColumn, count: int) -> None:
        as_text = column.invalid is Invalid.TEXT
        code = WarningCode.INVALID_VALUE_AS_TEXT if as_text else WarningCode.INVALID_VALUE_AS_NULL
        if count:
            self._counts[code, column.label] += count


def _shown(column: Typed) -> Array:
    return column.values if column.invalid is None else pc.coalesce(column.invalid, texts_of(column.values))


def _key_of(batch: pa.RecordBatch, row: int) -> str:
    """Return the key of a row for a message, without secret columns."""
    names = zip(batch.schema.names, batch.columns, strict=True)
    return key_text((name[1:], _text_at(values, row)) for name, values in names if name[0] == _KEY)


def _text_at(values: Array, row: int) -> str | None:
    text: str | None = texts_of(values.slice(row, 1))[0].as_py()
    return text


def key_text(key: Iterable[tuple[str, str | None]]) -> str:
    """Format the parts of a key for a message, each with the name of its column."""
    return " and ".join(f"{name} is {'null' if text is None else errors.cut(text)}" for name, text in key)
