"""Drafts collections of an HTTP API from their first pages.

An API has no list of collections, so each is named by its path.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any

from urllib3 import BaseHTTPResponse

from services.contract.codes import FailureCode
from services.contract.spec import ColumnType, Kind
from services.worker.sources import errors
from services.worker.sources.errors import SourceFailed
from services.worker.sources.http.client import MISSING, HttpClient, drained
from services.worker.sources.http.documents import document_of
from services.worker.sources.http.items import Item, TooMuch, at, values
from services.worker.sources.http.settings import HttpSettings
from services.worker.sources.introspect.keys import Row, with_keys
from services.worker.sources.introspect.tables import GUESSED, LiveColumn, LiveTable, TableNames
from services.worker.sources.introspect.types import INT64, decimal_of, is_date, is_timestamp

_ACCEPT = "application/ld+json, application/json;q=0.9"
_USUAL = ("hydra:member", "member")
"""Lists of items that a catalog need not name."""
_NEXTS = ("next", "links.next", "_links.next.href", "paging.next", "meta.next")
_TOTALS = ("total", "totalCount", "total_count", "count", "meta.total")
_MAX_DEPTH = 4


def tables(settings: HttpSettings, names: TableNames) -> list[LiveTable]:
    """See kind.Introspect. `table` is the path of a collection below the base URL."""
    if not names.table:
        message = "An API has no list of its collections: name the path of one with --table."
        raise SourceFailed(FailureCode.RELATION_MISSING, message)
    with closing(HttpClient(replace(settings, retry_s=0))) as client:
        document = _document(client, names.table)
    place, items = _items(document, settings.id)
    pages = _pages(names.table, place, document)
    name = names.table.partition("?")[0].strip("/").rpartition("/")[2]
    table = LiveTable(names.table, name, (), tuple(_columns(items)), note=_paged(pages), read_by="http", pages=pages)

    def look(_: str, columns: Sequence[str]) -> list[Row]:
        return list(zip(*([_hashable(v) for v in values(items, column)] for column in columns), strict=True))

    return with_keys([table], look)


def _document(client: HttpClient, path: str) -> Any:
    def taken(response: BaseHTTPResponse) -> Any:
        if response.status in MISSING:
            drained(response)
            raise errors.relation_missing(client.source_id)
        try:
            return document_of(response, client.settings)
        except (ValueError, TooMuch) as error:
            raise errors.answer_invalid(client.source_id, "JSON") from error

    return client.get(client.below(path), _ACCEPT, taken)


def _items(document: Any, source_id: str) -> tuple[str, list[Item]]:
    """Return the path of the list of items, and the list. The path is empty when a catalog need not name it."""
    if isinstance(document, list) and _are_items(document):
        return "", document
    members = document if isinstance(document, dict) else {}
    known = [name for name in _USUAL if _are_items(members.get(name))]
    named = [*known, *(name for name, value in members.items() if _are_items(value))]
    if not named:
        raise errors.answer_invalid(source_id, "a list of items")
    return "" if known else named[0], members[named[0]]


def _are_items(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _pages(path: str, place: str, document: Any) -> tuple[tuple[str, str], ...]:
    """Return the keys of a catalog that describe the pages."""
    following = [name for name in _NEXTS if isinstance(at(document, name), str) and "/" in at(document, name)]
    totals = [name for name in _TOTALS if type(at(document, name)) is int]
    found = {"path": path, "items": place, "next": following[0] if following else ""}
    return tuple((key, value) for key, value in {**found, "total": totals[0] if totals else ""}.items() if value)


def _paged(pages: tuple[tuple[str, str], ...]) -> str:
    if "next" in dict(pages):
        return ""
    return "the next page is found by hydra:next or the header Link; if there is neither, set paging (catalog.md)"


def _columns(items: list[Item]) -> Iterator[LiveColumn]:
    for name in _names(items):
        found = [value for value in values(items, name) if value is not None]
        type_, note = _type(found)
        yield LiveColumn(name, type_, note=note)


def _names(items: list[Item]) -> list[str]:
    """Return the dotted paths of all values that are not objects, in the order of their appearance."""
    return list(dict.fromkeys(name for item in items for name in _leaves(item)))


def _leaves(item: Mapping[str, Any], above: str = "", depth: int = 1) -> Iterator[str]:
    for name, value in item.items():
        if "." in name or name.startswith("@"):  # a catalog cannot name it, or it belongs to JSON-LD
            continue
        if isinstance(value, dict) and value and depth < _MAX_DEPTH:
            yield from _leaves(value, f"{above}{name}.", depth + 1)
        else:
            yield f"{above}{name}"


def _type(found: list[Any]) -> tuple[ColumnType, str]:
    """Return the type of values and a note, by the types of JSON. Texts may be dates and timestamps."""
    if not found:
        return ColumnType(Kind.TEXT), "no values to guess from"
    kinds = set(map(type, found))
    if kinds == {bool}:
        return ColumnType(Kind.BOOLEAN), ""
    if kinds == {int} and all(value in INT64 for value in found):
        return ColumnType(Kind.INTEGER), ""
    if kinds <= {int, Decimal}:
        decimal = decimal_of([format(value, "f") for value in found])
        return decimal or ColumnType(Kind.FLOAT), GUESSED
    if kinds == {str}:
        kind = next(
            (k for k, fits in ((Kind.DATE, is_date), (Kind.TIMESTAMP, is_timestamp)) if all(map(fits, found))), None
        )
        return ColumnType(kind or Kind.TEXT), GUESSED if kind else ""
    return ColumnType(Kind.JSON), ""


def _hashable(value: Any) -> Any:
    return str(value) if isinstance(value, list | dict) else value
