"""What the catalog made of a request is kept, for the same request to the same catalog only."""

from dataclasses import replace

import pytest

from services.api.catalog.columns import ColumnChoice
from services.api.catalog.definition.file import load
from services.api.catalog.model import Catalog
from services.api.domain.filter_mode import FilterMode
from services.api.requests import resolver
from services.api.requests.resolver import Question, Resolver
from services.contract.errors import CollectionNotFound, InvalidRequest
from services.contract.formats import Format, Packaging
from services.contract.spec import TableOptions

CATALOG = """
[sources.shop]
kind = "sql"
[collections.Orders]
path = "/orders"
source = "shop"
table = "orders"
key = "id"
formats = ["CSV", "JSON"]
tenant_column = "owner"
columns = [
  { field = "id" }, { field = "state" }, { field = "placedAt", name = "placed_at", type = "timestamp" },
]
[collections.Orders.attachments."order.pdf"]
source = "papers"
path = "{id}.pdf"
[sources.papers]
kind = "folder"
"""

QUESTION = Question(
    uri="/orders?placedAt[after]=2026-01-01",
    type=None,
    query="",
    format=Format.CSV,
    any_format=False,
    file_types=(),
    columns=(),
    mode=FilterMode.STRICT,
    since=None,
    tenant="acme",
    table=TableOptions(Format.CSV),
    packaging=Packaging.AUTO,
)
OTHERS = {
    "uri": "/orders",
    "format": Format.JSON,
    "file_types": ("order.pdf",),
    "columns": (ColumnChoice("id", ""),),
    "mode": FilterMode.LENIENT,
    "tenant": "other",
    "table": TableOptions(Format.CSV, time_zone="America/Mexico_City"),
    "packaging": Packaging.ZIP,
}


@pytest.fixture
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    path = tmp_path_factory.mktemp("catalog") / "catalog.toml"
    path.write_text(CATALOG)
    return load(path)


def test_the_same_question_has_the_very_same_answer(catalog: Catalog) -> None:
    known = Resolver()
    first = known.resolved(catalog, QUESTION)
    assert known.resolved(catalog, replace(QUESTION)) is first
    assert first == Resolver().resolved(catalog, QUESTION)


@pytest.mark.parametrize("part", OTHERS)
def test_a_question_that_differs_in_any_part_has_an_answer_of_its_own(catalog: Catalog, part: str) -> None:
    known, other = Resolver(), replace(QUESTION, **{part: OTHERS[part]})
    first = known.resolved(catalog, QUESTION)
    assert known.resolved(catalog, other) == other.resolved(catalog)
    assert known.resolved(catalog, other) is not first
    assert known.resolved(catalog, QUESTION) is first


def test_what_another_catalog_made_of_it_counts_no_more(catalog: Catalog) -> None:
    known = Resolver()
    first = known.resolved(catalog, QUESTION)
    again = replace(catalog)
    assert known.resolved(again, QUESTION) is not first
    assert known.resolved(again, QUESTION) == first


def test_refusals_are_not_kept(catalog: Catalog) -> None:
    known = Resolver()
    for _ in range(2):
        with pytest.raises(CollectionNotFound):
            known.resolved(catalog, replace(QUESTION, uri="/order"))
        with pytest.raises(InvalidRequest):
            known.resolved(catalog, replace(QUESTION, uri="/orders?stat=x"))
    assert known.kept == 0


def test_no_more_is_kept_than_has_room_and_nothing_that_is_long(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "MAX_KNOWN", 3)
    known = Resolver()
    for number in range(10):
        known.resolved(catalog, replace(QUESTION, uri=f"/orders?id={number}"))
        assert known.kept <= 3
    before = known.kept
    long = replace(QUESTION, uri=f"/orders?id={'1' * resolver.MAX_KNOWN_CHARACTERS}")
    assert known.resolved(catalog, long) is not known.resolved(catalog, long)
    assert known.kept in (before, 0)
