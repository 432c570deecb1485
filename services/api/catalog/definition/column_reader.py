"""Reads the columns of a collection in the catalog file."""

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import replace
from functools import lru_cache

from services.api.catalog.definition import keys
from services.api.catalog.definition.column_types import read_type
from services.api.catalog.definition.identifiers import is_field
from services.api.catalog.model import CatalogColumn, Match, Nulls
from services.api.catalog.query.grammar import DATES
from services.api.catalog.query.values import FILTERABLE
from services.contract.formats import Format
from services.contract.query_words import QUERY_WORDS
from services.contract.spec import ColumnType, Invalid, Kind, Mask
from services.runtime.nearest import hint, listed
from services.runtime.toml import Mistake, Table

MAX_COLUMNS_KNOWN = 4096
"""How many different columns are kept. Collections of a large catalog share most of theirs."""

UNSORTABLE = frozenset({Kind.JSON, Kind.BINARY})

# Computed once and not for each column: a catalog may have a hundred thousand columns.
_MATCHES, _NULLS, _MASKS, _INVALIDS = ([member.value for member in kind] for kind in (Match, Nulls, Mask, Invalid))


class ColumnReader:
    """Reads the tables `[[collections.CODE.columns]]`.

    `tenant_column` is the name of that column in the source; empty if there is none.
    """

    def __init__(self, code: str, tenant_column: str, mistakes: list[Mistake]) -> None:
        self._code = code
        self._tenant_column = tenant_column
        self._mistakes = mistakes

    def read(self, contents: Iterable[object]) -> tuple[CatalogColumn, ...]:
        """Return the columns. They must be used only if no mistake was noted."""
        return tuple(self._column(number, content) for number, content in enumerate(contents, 1))

    def _column(self, number: int, content: object) -> CatalogColumn:
        known = _known(content, self._tenant_column)
        if known is not None:
            return known
        name = f"[[collections.{self._code}.columns]] no. {number}"
        return _OneColumn(Table(name, content, keys.COLUMN, self._mistakes), self._tenant_column).read()


def _known(content: object, tenant_column: str) -> CatalogColumn | None:
    """Return the column; None if it has mistakes, or values that equal others of another type (1 and true)."""
    if not isinstance(content, dict) or not all(type(value) in (str, bool) for value in content.values()):
        return None
    return _without_mistakes(tuple(content.items()), tenant_column)


@lru_cache(MAX_COLUMNS_KNOWN)
def _without_mistakes(content: tuple[tuple[str, object], ...], tenant_column: str) -> CatalogColumn | None:
    mistakes: list[Mistake] = []
    column = _OneColumn(Table("", dict(content), keys.COLUMN, mistakes), tenant_column).read()
    return None if mistakes else column


class _OneColumn:
    """Reads one of these tables."""

    def __init__(self, table: Table, tenant_column: str) -> None:
        self._table = table
        self._tenant_column = tenant_column

    def read(self) -> CatalogColumn:
        """Return the column. Mistakes are noted."""
        table = self._table
        field = table.text("field")
        if field and not is_field(field):
            table.wrong("field", f'"{field}" is not a name: use letters, digits, _ and -, and dots between parts')
        if field in QUERY_WORDS:
            table.wrong("field", f"{field} is a reserved word of the query grammar; choose another name")
        name, type_, mask = table.text("name", field), read_type(table), _mask(table)
        open_ = table.flag("filter", default=mask is None and name != self._tenant_column)
        can_filter = open_ and (table.has("filter") or type_.kind in FILTERABLE)
        column = CatalogColumn(
            field=field,
            name=name,
            header=table.text("header", field),
            type=type_,
            filter=can_filter,
            sort=table.flag("sort", default=can_filter),
            exists=table.flag("exists", default=open_),
            match=_match(table, type_),
            include_null_before=table.flag("include_null_before", default=False),
            include_null_after=table.flag("include_null_after", default=False),
            nulls=Nulls(table.choice("nulls", _NULLS, Nulls.LAST.value) or Nulls.LAST.value),
            mask=mask,
            invalid=_invalid(table),
        )
        self._check_use(table, column)
        return column

    def _check_use(self, table: Table, column: CatalogColumn) -> None:
        if column.filter and column.type.kind not in FILTERABLE:
            table.wrong("filter", f"{column.type} cannot be filtered by: only false is allowed")
        if column.sort and column.type.kind in UNSORTABLE:
            table.wrong("sort", f"{column.type} cannot be ordered by: only false is allowed")
        if column.name == self._tenant_column and (column.filter or column.exists):
            key = "filter" if column.filter else "exists"
            table.wrong(key, f"{column.name} is the tenant_column, which no query compares: only false is allowed")
        if column.mask and column.invalid is Invalid.TEXT:
            table.wrong("invalid", "a masked column is text already: only null and refuse are allowed")
        for key in ("include_null_before", "include_null_after"):
            if getattr(column, key) and column.type.kind not in DATES:
                table.wrong(key, f"is for dates and timestamps, not for {column.type}")


def check_fields(table: Table, columns: Iterable[CatalogColumn]) -> None:
    """Note a mistake for each field that is there more than once."""
    for field, count in Counter(c.field for c in columns if c.field).items():
        if count > 1:
            table.wrong("columns", f"the field {field} is there {count} times")


def only_sorted_by(columns: tuple[CatalogColumn, ...], names: Container[str] | None) -> tuple[CatalogColumn, ...]:
    """Return the columns, of which only those named in `names` can be ordered by. With None they are unchanged."""
    if names is None:
        return columns
    return tuple(replace(c, sort=c.sort and c.name in names) for c in columns)


def named_column(table: Table, key: str, columns: Iterable[CatalogColumn]) -> CatalogColumn | None:
    """Return the column whose field the key names; None if there is no such key, or if it is wrong."""
    field = table.text(key, "")
    by_field = {c.field: c for c in columns}
    if field and field not in by_field:
        table.wrong(key, f'"{field}" is not a field; {hint(field, by_field)}')
    return by_field.get(field) if field else None


def without_parquet(table: Table, columns: Iterable[CatalogColumn], formats: Container[Format]) -> None:
    """Note columns that would become text in Parquet, where readers expect the types of the catalog."""
    for column in columns if Format.PARQUET in formats else ():
        if column.spec.becomes_text:
            allowed = listed([f.value for f in Format if f is not Format.PARQUET])
            why = f"{column.field} is {column.type}, and with invalid = text the whole column would be text"
            table.wrong("formats", f"{why}: allowed are {allowed}; or choose invalid = null")


def _invalid(table: Table) -> Invalid | None:
    text = table.choice("invalid", _INVALIDS) if table.has("invalid") else ""
    return Invalid(text) if text else None


def _mask(table: Table) -> Mask | None:
    text = table.choice("mask", _MASKS) if table.has("mask") else ""
    return Mask(text) if text else None


def _match(table: Table, type_: ColumnType) -> Match:
    text = table.choice("match", _MATCHES, Match.EXACT.value)
    if table.has("match") and type_.kind is not Kind.TEXT:
        table.wrong("match", f"is for text, not for {type_}")
    return Match(text) if text else Match.EXACT
