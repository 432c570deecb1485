"""JSON is one array of objects, and JSONL has one object per line.

Keys are the fields of columns; dots make nested objects.
"""

import json
from dataclasses import replace
from typing import BinaryIO

import polars as pl

from services.contract.codes import WarningCode
from services.contract.spec import ColumnSpec, Kind
from services.worker.concurrency.threads import THREADS
from services.worker.json_text import all_json, is_json
from services.worker.writers.lines import Block, LineWriter
from services.worker.writers.text_bytes import blocks_of, may_hold
from services.worker.writers.values import Cells, Losses, plain_text

Tree = dict[str, "int | Tree"]

_BARE = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN, Kind.JSON})
_ESCAPES = {c: json.dumps(c)[1:-1] for c in ['"', "\\", *map(chr, range(0x20))]}


class JsonLinesWriter(LineWriter):
    """Writes one object per line, ended by LF.

    Nulls are written; JSON values keep their digits and the order of their keys.
    """

    _before, _after = "", "\n"

    def __init__(
        self, file: BinaryIO, columns: tuple[ColumnSpec, ...], time_zone: str, *, threads: int = THREADS
    ) -> None:
        super().__init__(file, columns, time_zone, threads=threads)
        self._template = template(field_tree(tuple(c.field for c in columns)))

    def _text(self, cells: list[Cells], losses: Losses) -> list[memoryview]:
        texts = [self._column(c, losses) for c in cells]
        parts: list[str | int] = [self._before]
        for part in self._template:
            parts += [part] if isinstance(part, str) else self._value(part, cells[part].spec.type.kind, texts)
        parts.append(self._after)
        form = "".join(_doubled(part) if isinstance(part, str) else "{}" for part in parts)
        columns = [pl.col(str(part)) for part in parts if not isinstance(part, str)]
        values = pl.DataFrame([text.alias(str(i)) for i, text in enumerate(texts)])
        return blocks_of(values.select(pl.format(form, *columns)).to_series())

    def _column(self, cells: Cells, losses: Losses) -> pl.Series:
        text = plain_text(cells, self._time_zone, losses)
        match cells.spec.type.kind:
            case Kind.JSON:
                return raw(text, losses)
            case Kind.TEXT if may_hold(text, b'"\\'):
                return escaped(text)
        return text

    @staticmethod
    def _value(column: int, kind: Kind, texts: list[pl.Series]) -> list[str | int]:
        """Return the parts of a column's value with its quotes.

        In a column without nulls the quotes are the same in every row.
        """
        if not texts[column].null_count():
            return [column] if kind in _BARE else ['"', column, '"']
        if kind not in _BARE:
            texts[column] = quoted(texts[column])
        texts[column] = texts[column].fill_null("null")
        return [column]


class JsonWriter(JsonLinesWriter):
    """Writes an array with one object per line; `[]` without rows."""

    _before, _after = ",\n", ""

    def _put(self, block: Block) -> None:
        if not self._rows_written:
            first, *others = block.text
            block = replace(block, text=[memoryview(b"["), first[1:], *others])
        super()._put(block)

    def close(self) -> None:
        """Finish the rows and end the array."""
        super().close()
        self._file.write(b"\n]\n" if self._rows_written else b"[]\n")


def field_tree(fields: tuple[str, ...]) -> Tree:
    """Return the fields as a tree by the parts of their names. Each leaf is the position of its column.

    A parent takes the place of its first field. A field whose parent is itself a field ("a" beside "a.b") keeps its
    dots.
    """
    tree: Tree = {}
    for position, field in enumerate(fields):
        parts = field.split(".")
        if any(".".join(parts[:n]) in fields for n in range(1, len(parts))):
            parts = [field]
        node = tree
        for part in parts[:-1]:
            child = node.setdefault(part, {})
            assert isinstance(child, dict), field  # noqa: S101 - a leaf here would be a field that is also a parent
            node = child
        node[parts[-1]] = position
    return tree


def template(tree: Tree) -> list[str | int]:
    """Return the text of one object as literals and positions of columns, whose values go between them."""
    parts: list[str | int] = ["{"]
    for n, (name, child) in enumerate(tree.items()):
        parts.append(f"{',' if n else ''}{json.dumps(name, ensure_ascii=False)}:")
        parts.extend([child] if isinstance(child, int) else template(child))
    return _merged([*parts, "}"])


def _merged(parts: list[str | int]) -> list[str | int]:
    merged: list[str | int] = []
    for part in parts:
        if merged and isinstance(part, str) and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return merged


def _doubled(literal: str) -> str:
    """Return a literal for `pl.format`, which takes three quarters of the time of `pl.concat_str`."""
    return literal.replace("{", "{{").replace("}", "}}")


def escaped(text: pl.Series) -> pl.Series:
    """Escape texts for the inside of a JSON string."""
    return text.str.replace_many(list(_ESCAPES), list(_ESCAPES.values()))


def quoted(text: pl.Series) -> pl.Series:
    """Put quotes around texts. Null stays null."""
    return pl.select(pl.concat_str(pl.lit('"'), text, pl.lit('"'))).to_series()


def raw(text: pl.Series, losses: Losses) -> pl.Series:
    """Return JSON texts in one line each.

    A text that is not JSON would break the file, so it becomes a string and is counted.
    """
    one_line = text.str.replace_all("[\r\n]", " ")  # in valid JSON, lines break only between tokens
    if all_json(one_line.drop_nulls().to_list()):
        return one_line
    wrong = pl.Series([value is not None and not is_json(value) for value in one_line.to_list()])
    losses.add(WarningCode.INVALID_JSON_AS_TEXT, int(wrong.sum()))
    return pl.select(pl.when(wrong).then(quoted(escaped(text))).otherwise(one_line)).to_series()
