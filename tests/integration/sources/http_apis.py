"""Reading the test API as a spec says."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from services.contract.spec import All, ColumnType, Filter, HttpPages, Kind, Operator, OrderTerm, Page, Relation, Term
from services.worker.sources.errors import SourceFailed
from services.worker.sources.http.settings import HttpSettings
from tests.integration.sources.source_specs import Read, read, spec_of
from tests.servers.api_platform import ApiPlatform, served

COLUMNS = {"id": "integer", "issuer.rfc": "text", "total": "decimal(18,2)", "issuedAt": "timestamp", "tags": "json"}
LINKED = HttpPages("things", size_parameter="itemsPerPage", page_size=10)
INTEGER, TEXT = ColumnType(Kind.INTEGER), ColumnType(Kind.TEXT)


def thing(number: int, **values: Any) -> dict[str, Any]:
    """An item such as API Platform shows; its `@id` and `note` are in no column."""
    return {
        "@id": f"/things/{number}",
        "id": number,
        "issuer": {"rfc": f"XAXX{number:06}", "name": "ÑANDÚ"},
        "total": number + 0.5,
        "issuedAt": f"2026-01-{number % 28 + 1:02}T10:00:00+00:00",
        "status": "paid" if number % 3 else "open",
        "tags": ["a", {"b": number}],
        "note": None,
        "owner": "ana" if number % 2 else "eva maría",
        **values,
    }


@contextmanager
def api_of(count: int = 25, **state: Any) -> Iterator[ApiPlatform]:
    with served(ApiPlatform([thing(n) for n in range(1, count + 1)], **state)) as api:
        yield api


def settings_of(api: ApiPlatform, **options: Any) -> HttpSettings:
    """`retry_s` is short, so that what does not go well fails at once."""
    return HttpSettings("things", api.url, allow_private=True, **{"retry_s": 10, **options})


def read_from(
    api: ApiPlatform,
    pages: HttpPages = LINKED,
    columns: dict[str, str] = COLUMNS,
    *,
    filter: Filter = All(),  # noqa: A002, B008 - as in JobSpec, and frozen
    order: Sequence[OrderTerm] = (OrderTerm("id"),),
    page: Page | None = None,
    **options: Any,
) -> Read:
    spec = spec_of("http", columns, filter=filter, order=order, relation=Relation(http=pages), page=page)
    return read(settings_of(api, **options), spec)


def ids(found: Read) -> list[int]:
    return [row["id"] for row in found.rows]


def failure(api: ApiPlatform, pages: HttpPages = LINKED, **asked: Any) -> str:
    """Code of the failure."""
    with pytest.raises(SourceFailed) as failed:
        read_from(api, pages, **{"retry_s": 0.0, **asked})
    return failed.value.code


def equals(column: str, *values: Any, type_: ColumnType = TEXT, **more: Any) -> Term:
    return Term(column, type_, Operator.EQUALS, values, **more)


def at_most(size: int) -> HttpPages:
    return replace(LINKED, page_size=size)
