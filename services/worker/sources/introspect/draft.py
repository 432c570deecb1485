"""The draft of a catalog for the tables of a source, as TOML."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from services.contract.formats import Format
from services.contract.query_words import QUERY_WORDS
from services.contract.spec import Kind, Mask
from services.worker.sources.introspect import names
from services.worker.sources.introspect.meanings import is_secret, is_time_of_change
from services.worker.sources.introspect.names import MAX_NAMES_KNOWN, Names
from services.worker.sources.introspect.tables import Link, LiveColumn, LiveTable

_HEAD = """\
# A first draft, made from the source itself. Take out what callers should not see, rename what reads badly,
# then check it: exportd-api catalog check, and against the source: exportd-worker check --catalog FILE

[sources.{source}]
kind = "{kind}"
"""
_JSON = json.JSONEncoder(ensure_ascii=False)
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LINE = re.compile("(?m)^(?=.)")
_WORDS = frozenset(word.casefold() for word in QUERY_WORDS)
_UNCOMPARED = frozenset({Kind.TIME, Kind.DURATION, Kind.JSON, Kind.BINARY})
_UNSORTED = frozenset({Kind.JSON, Kind.BINARY})
_MASKED = "masked, as its name looks like a secret"
_MASKED_KEY = f"{_MASKED}; rows come in its order, as it is the key"


def draft(source_id: str, kind: str, tables: Iterable[LiveTable]) -> str:
    """Draft a catalog of all tables.

    A table without the key that it needs is put into comments, to be completed by hand. A comment names what cannot be
    read.
    """
    given = _Given(source_id)
    parts = [_HEAD.format(source=_key(source_id), kind=kind)]
    return "".join([*parts, *(_part(table, given) for table in tables)])


@dataclass(frozen=True, slots=True)
class _Given:
    """Names that earlier collections have taken."""

    source_id: str
    codes: Names = field(default_factory=Names)
    words: Names = field(default_factory=Names)


@dataclass(frozen=True, slots=True)
class _Field:
    """A column in the draft."""

    column: LiveColumn
    name: str
    masked: bool


def _part(table: LiveTable, given: _Given) -> str:
    relation = _one_line(table.relation)
    fields = _fields(table)
    if not fields:
        return f"\n# {relation} cannot be drafted: {_one_line(table.note) or 'it has no columns'}.\n"
    notes = "; ".join(filter(None, (_left_out(table, fields), table.note)))
    remark = f"\n# {relation}: {_one_line(notes)}\n" if notes else ""
    text = "".join(_collections(table, fields, given))
    if _is_ordered(table, fields):
        return remark + text
    why = f"\n# {relation} has no key: name the columns that tell its rows apart, then take the # away.\n"
    return remark + why + _LINE.sub("# ", text.removeprefix("\n"))


def _collections(table: LiveTable, fields: list[_Field], given: _Given) -> Iterator[str]:
    """Yield the collection of the table, and the one below the table that it belongs to."""
    code = given.codes.free(_sound_code(names.pascal(table.name)) or "Table")
    word = given.words.free(names.kebab(table.name) or "table")
    yield from _collection(table, fields, code, f"/{word}", given.source_id)
    parent = _parent(table, fields)
    if parent:
        below, link = parent
        code = given.codes.free(f"{code}By{names.pascal(below.name)}")
        path = f"/{names.kebab(link.table)}/{{{below.name}}}/{word}"
        yield from _collection(table, fields, code, path, given.source_id)
        yield f"\n[collections.{_key(code)}.parameters.{_key(below.name)}]\n"
        yield f"column = {_text(link.column)}\ntype = {_text(str(below.column.type))}\n"


def _collection(table: LiveTable, fields: list[_Field], code: str, path: str, source_id: str) -> Iterator[str]:
    yield f"\n[collections.{_key(code)}]\npath = {_text(path)}\n"
    if table.comment.strip():
        yield f"description = {_text(table.comment.strip())}\n"
    yield f"source = {_text(source_id)}\n{table.read_by} = {_relation(table)}\n"
    yield from _keys(table)
    changed = next((f for f in fields if not f.masked and is_time_of_change(f.column, table.name)), None)
    if changed:
        yield f"changed = {_text(changed.name)}  # proposed, as it looks like the time of a row's last change\n"
    yield f"formats = [{', '.join(_text(f.value) for f in Format)}]\ncolumns = [\n"
    for each, header in zip(fields, _headers(fields), strict=True):
        in_key = each.column.name in table.key and table.needs_key
        yield f"  {_column(each, header, in_key=in_key)},{_remark(each, in_key=in_key)}\n"
    yield "]\n"


def _relation(table: LiveTable) -> str:
    inside = ", ".join(f"{key} = {_text(value)}" for key, value in table.pages)
    return f"{{ {inside} }}" if inside else _text(table.relation)


def _keys(table: LiveTable) -> Iterator[str]:
    if table.key or table.needs_key:
        note = f"  # {_one_line(table.key_note)}" if table.key_note else ""
        yield f"key = [{', '.join(_text(name) for name in table.key)}]{note}\n"


def _fields(table: LiveTable) -> list[_Field]:
    """Return the columns that a catalog can name."""
    given = Names()
    columns = [column for column in table.columns if column.name.strip() and names.is_unicode(column.name)]
    return [_Field(column, given.free(_name(column, table)), is_secret(column)) for column in columns]


def _left_out(table: LiveTable, fields: list[_Field]) -> str:
    drafted = {each.column.name for each in fields}
    others = [_one_line(column.name) or "''" for column in table.columns if column.name not in drafted]
    return f"left out, as no catalog can name them: {', '.join(others)}" if others else ""


def _name(column: LiveColumn, table: LiveTable) -> str:
    """Name the field of a column.

    A column without a letter is named by its place; one with a word of queries gets the table's name as a prefix.
    """
    name = names.camel(column.name) or f"column{table.columns.index(column) + 1}"
    return f"{names.camel(table.name) or 'table'}{names.pascal(name)}" if name.casefold() in _WORDS else name


def _sound_code(code: str) -> str:
    return code if code.isidentifier() else ""


def _parent(table: LiveTable, fields: list[_Field]) -> tuple[_Field, Link] | None:
    """Return the parameter and the link if the table belongs to exactly one other table."""
    if len(table.links) != 1 or not names.kebab(table.links[0].table):
        return None
    link = table.links[0]
    below = next((f for f in fields if f.column.name == link.column), None)
    if below is None or below.masked or below.column.type.kind in _UNCOMPARED or not below.name.isidentifier():
        return None
    return (below, link) if link.table != table.name and (link.column,) != table.key else None


def _headers(fields: list[_Field]) -> list[str]:
    """Return readable headers. Where two would be equal, use the names of the source."""
    headers = [names.header(f.column.name) or f.name for f in fields]
    times = Counter(headers)
    return [f.column.name if times[text] > 1 else text for f, text in zip(fields, headers, strict=True)]


def _remark(of: _Field, *, in_key: bool) -> str:
    masked = (_MASKED_KEY if in_key else _MASKED) if of.masked else ""
    parts = (_one_line(of.column.comment), _one_line(of.column.note), masked)
    remark = "; ".join(part for part in parts if part)
    return f"  # {remark}" if remark else ""


def _is_ordered(table: LiveTable, fields: list[_Field]) -> bool:
    """Whether a catalog can name the table's key and rows can be sorted by it, or the table needs no key."""
    if not all(map(names.is_unicode, table.key)):
        return not table.needs_key
    secret = [f for f in fields if f.masked and f.column.name in table.key and f.column.type.kind in _UNSORTED]
    return not table.needs_key or (bool(table.key) and not secret)


def _column(of: _Field, header: str, *, in_key: bool) -> str:
    column = of.column
    keys = {"field": of.name, "name": column.name, "type": str(column.type), "header": header}
    if column.name == of.name:
        del keys["name"]
    if column.type.kind is Kind.TEXT:
        del keys["type"]
    if of.masked:
        keys["mask"] = Mask.REDACT.value
    sort = ", sort = true" if of.masked and in_key else ""
    return "{ " + ", ".join(f"{key} = {_text(value)}" for key, value in keys.items()) + sort + " }"


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) else _text(name)


@lru_cache(MAX_NAMES_KNOWN)
def _text(text: str) -> str:
    """Format a text for TOML. JSON's form is the same except for one character."""
    return _JSON.encode(text).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    """Format a text for a comment: in one line, with escapes for characters that are not printable."""
    if text.isprintable() and "  " not in text:
        return text.strip()
    return "".join(c if c.isprintable() else " " if c.isspace() else ascii(c)[1:-1] for c in " ".join(text.split()))
