"""The first draft of a catalog for the tables of a database, as TOML."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

from services.contract.formats import Format
from services.contract.spec import Kind
from services.worker.sources.introspect.tables import Link, LiveColumn, LiveTable

_HEAD = """\
# A first draft, made from the database itself. Take out what callers should not see, rename what reads badly,
# then check it: exportd-api catalog check

[sources.{source}]
kind = "{kind}"
"""
_GRAMMAR = frozenset({"order", "page", "itemsPerPage", "properties", "exists", "itemsperpage"})
"""Words of queries, which no parameter of a path can be called."""
_UNCOMPARED = frozenset({Kind.TIME, Kind.DURATION, Kind.JSON, Kind.BINARY})


def draft(source_id: str, kind: str, tables: Iterable[LiveTable]) -> str:
    """A catalog of all tables with a key and columns; the others are named in comments."""
    codes, paths = _Names(), _Names()
    parts = [_HEAD.format(source=_key(source_id), kind=kind)]
    for table in tables:
        if not table.key or not table.columns:
            why = "no key" if table.columns else "no columns"
            parts.append(
                f"\n# {_one_line(table.relation)} has {why}: add it by hand, with a key that tells rows apart.\n"
            )
        else:
            parts.append("".join(_collection(source_id, table, codes, paths)))
    return "".join(parts)


def _collection(source_id: str, table: LiveTable, codes: "_Names", paths: "_Names") -> Iterator[str]:
    code, word = codes.free(_camel(table.name, upper=True) or "Table"), paths.free(_word(table.name) or "table")
    fields = _Names()
    columns = [column for column in table.columns if column.name.strip()]  # a catalog has no words for the others
    named = [(column, fields.free(_camel(column.name, upper=False) or "column")) for column in columns]
    parent = _parent(table, {c.name: field for c, field in named})
    path = f"/{_word(parent[1].table)}/{{{parent[0]}}}/{word}" if parent else f"/{word}"
    yield f"\n[collections.{code}]\npath = {_text(path)}\n"
    if table.comment.strip():
        yield f"description = {_text(table.comment.strip())}\n"
    yield f"source = {_text(source_id)}\ntable = {_text(table.relation)}\n"
    yield f"key = [{', '.join(_text(name) for name in table.key)}]\n"
    yield f"formats = [{', '.join(_text(f.value) for f in Format)}]\ncolumns = [\n"
    for (column, field), header in zip(named, _headers(named), strict=True):
        yield f"  {_column(column, field, header)},{_remark(column)}\n"
    yield "]\n"
    if parent:
        name, link = parent
        type_ = next(c.type for c in table.columns if c.name == link.column)
        yield f"\n[collections.{code}.parameters.{name}]\n"
        yield f"column = {_text(link.column)}\ntype = {_text(str(type_))}\noptional = true\n"


def _parent(table: LiveTable, fields: dict[str, str]) -> tuple[str, Link] | None:
    """The parameter and the link when the table belongs to just one other table."""
    if len(table.links) != 1 or table.links[0].column not in fields or not _word(table.links[0].table):
        return None
    link = table.links[0]
    kind = next(c.type.kind for c in table.columns if c.name == link.column)
    name = fields[link.column]
    fit = link.table != table.name and (link.column,) != table.key and kind not in _UNCOMPARED
    return (name, link) if fit and name.isidentifier() and name not in _GRAMMAR else None


def _headers(named: list[tuple[LiveColumn, str]]) -> list[str]:
    """What a reader likes to see; where that would be the same twice, what the database says."""
    headers = [_header(column.name) or field for column, field in named]
    times = Counter(headers)
    return [column.name if times[header] > 1 else header for (column, _), header in zip(named, headers, strict=True)]


def _remark(column: LiveColumn) -> str:
    remark = "; ".join(text for text in (_one_line(column.comment), column.note) if text)
    return f"  # {remark}" if remark else ""


def _column(column: LiveColumn, field: str, header: str) -> str:
    keys = {"field": field, "name": column.name, "type": str(column.type), "header": header}
    if keys["name"] == field:
        del keys["name"]
    if keys["type"] == Kind.TEXT.value:
        del keys["type"]
    return "{ " + ", ".join(f"{key} = {_text(value)}" for key, value in keys.items()) + " }"


class _Names:
    """Names that are given once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def free(self, preferred: str) -> str:
        """The name, or the first of name2, name3, … that nobody has, upper and lower case being the same."""
        number, name = 1, preferred
        while name.casefold() in self._given:
            number += 1
            name = f"{preferred}{number}"
        self._given.add(name.casefold())
        return name


def _parts(name: str) -> list[str]:
    """Words of a name in any style, in plain letters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", plain)


def _camel(name: str, *, upper: bool) -> str:
    words = [word.lower() for word in _parts(name)]
    text = "".join(word.capitalize() if i else word for i, word in enumerate(words))
    text = f"n{text}" if text[:1].isdigit() else text
    return text[:1].upper() + text[1:] if upper else text


def _word(name: str) -> str:
    return "-".join(word.lower() for word in _parts(name))


def _header(name: str) -> str:
    words = " ".join(re.split(r"[_\s]+", name)).strip()
    return words[:1].upper() + words[1:]


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(text: str) -> str:
    """As TOML writes it: as JSON does, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()
