"""Pages of exports, as collections of Hydra."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from multidict import MultiMapping

from exportd.v1.export_service_pb2 import ListExportsRequest, ListExportsResponse
from exportd_client.errors import Violation
from services.gateway.http.problems import invalid
from services.gateway.syntage.documents import export_document

PATH = "/exports"
MAX_ITEMS = 1000
DEFAULT_ITEMS = 30
"""As API Platform, with which Syntage is made."""

_ITEMS, _CURSOR = "itemsPerPage", "cursor"
_NUMBER = re.compile("[1-9][0-9]{0,3}")


def list_request(query: MultiMapping[str]) -> ListExportsRequest:
    """Return the request for a page. Raises InvalidArgument."""
    if violations := [*_violations(query)]:
        raise invalid(*violations)
    return ListExportsRequest(page_size=int(query.get(_ITEMS, DEFAULT_ITEMS)), page_token=query.get(_CURSOR, ""))


def _violations(query: MultiMapping[str]) -> Iterator[Violation]:
    for name in dict.fromkeys(query):
        if name not in (_ITEMS, _CURSOR):
            yield Violation(name, "This parameter was not expected.")
        elif len(query.getall(name)) > 1:
            yield Violation(name, "This parameter should be there once.")
    items = query.get(_ITEMS, "1")
    if not _NUMBER.fullmatch(items) or int(items) > MAX_ITEMS:
        yield Violation(_ITEMS, f"This value should be between 1 and {MAX_ITEMS}.")
    cursor = query.get(_CURSOR, "")
    if cursor.encode(errors="replace").decode() != cursor:
        yield Violation(_CURSOR, "This value should be of type string.")


def collection_document(page: ListExportsResponse, query: MultiMapping[str]) -> dict[str, Any]:
    """Return a page. `hydra:next` in its view leads to the next one; the last page has none."""
    given = {name: query[name] for name in (_ITEMS, _CURSOR) if name in query}
    view = {"@id": _path(given), "@type": "hydra:PartialCollectionView"}
    if page.next_page_token:
        view["hydra:next"] = _path(given | {_CURSOR: page.next_page_token})
    return {
        "@id": PATH,
        "@type": "hydra:Collection",
        "hydra:member": [export_document(export) for export in page.exports],
        "hydra:view": view,
    }


def _path(query: Mapping[str, str]) -> str:
    return f"{PATH}?{urlencode(query)}" if query else PATH
