"""One answer of an API: its items, the number of all rows, and the next page."""

import re
from dataclasses import dataclass
from typing import Any

from services.contract.spec import HttpPages, Paging
from services.worker.sources import errors
from services.worker.sources.http.items import Item, at

_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_RELATIONS = re.compile(r"""\brel[ \t]*=[ \t]*(?:"([^"]*)"|([^\s;,"]+))""", re.IGNORECASE)
_MEMBERS = ("hydra:member", "member")
_TOTALS = ("hydra:totalItems", "totalItems")
_VIEWS = ("hydra:view", "view")
_NEXTS = ("hydra:next", "next")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    `total` is None when it is not stated. `next` is the link or cursor of the next page as given; None when there is
    none.
    """

    items: list[Item]
    total: int | None
    next: str | None


def understood(document: Any, link_header: str, pages: HttpPages, source_id: str) -> Answer:
    """Read an answer as the catalog describes it. Raises SourceFailed when it differs."""
    items = at(document, pages.items) if pages.items else _members(document)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise errors.answer_invalid(source_id, "the list of items")
    return Answer(items, _total(document, pages.total, source_id), _next(document, link_header, pages, source_id))


def _members(document: Any) -> Any:
    return _first(document, _MEMBERS) if isinstance(document, dict) else document


def _total(document: Any, path: str, source_id: str) -> int | None:
    total = at(document, path) if path else _first(document, _TOTALS)
    if isinstance(total, int) and not isinstance(total, bool) and total >= 0:
        return total
    if path:
        raise errors.answer_invalid(source_id, "the number of all rows")
    return None


def _next(document: Any, link_header: str, pages: HttpPages, source_id: str) -> str | None:
    if pages.paging not in (Paging.LINK, Paging.CURSOR):
        return None
    link = at(document, pages.next) if pages.next else _next_by_itself(document, link_header)
    if link is None or link == "":
        return None
    number = isinstance(link, int) and pages.paging is Paging.CURSOR and not isinstance(link, bool)
    if not isinstance(link, str) and not number:
        raise errors.answer_invalid(source_id, "a next page that is text")
    return str(link)


def _next_by_itself(document: Any, link_header: str) -> Any:
    in_view = _first(_first(document, _VIEWS), _NEXTS)
    links = (match[1] for match in _LINK.finditer(link_header) if _is_next(match[2]))
    return in_view or next(links, None)


def _is_next(parameters: str) -> bool:
    """Whether the parameters of a link have the relation `next`.

    There may be several `rel`, each a list of words; a single word needs no quotes.
    """
    relations = _RELATIONS.findall(parameters)
    return any("next" in (quoted or bare).casefold().split() for quoted, bare in relations)


def _first(document: Any, names: tuple[str, ...]) -> Any:
    members = (document[name] for name in names if isinstance(document, dict) and name in document)
    return next(members, None)
