"""What the catalog says of values that are not of their column's type, and how a job takes it along."""

from pathlib import Path

import pytest

from services.api.catalog.definition.file import load
from services.api.catalog.resolve import resolve
from services.contract.formats import Format
from services.contract.spec import All, Invalid, Term
from services.runtime.toml import FileError

FILE = """
[sources.db]
kind = "sql"
[collections.Prices]
path = "/prices"
source = "db"
table = "prices"
key = "id"
formats = [{formats}]
tenant_column = "tenant_id"
columns = [
  {{ field = "id" }},
  {{ field = "price", type = "decimal(9,2)", invalid = "{price}" }},
  {{ field = "closes", type = "time", invalid = "null" }},
  {{ field = "doc", type = "json" }},
  {{ field = "note", invalid = "text" }},
  {{ field = "card", name = "card_no", mask = "last4"{card} }},
]
"""


def written(path: Path, formats: str = '"CSV"', price: str = "text", card: str = "") -> Path:
    path.write_text(FILE.format(formats=formats, price=price, card=card), encoding="utf-8")
    return path


def test_a_job_takes_it_along_for_columns_and_for_the_filter(tmp_path: Path) -> None:
    catalog = load(written(tmp_path / "catalog.toml"))
    query = "price[gt]=1&note=x&properties[]=doc&properties[]=id"
    spec = resolve(catalog, type_="Prices", query=query, tenant="t", format_=Format.CSV).spec
    assert {c.field: (c.invalid, c.policy) for c in spec.columns} == {
        "doc": (None, Invalid.TEXT),
        "id": (None, Invalid.REFUSE),
    }
    assert isinstance(spec.filter, All)
    terms = {t.column: t.invalid for t in spec.filter.filters if isinstance(t, Term)}
    assert terms == {"tenant_id": None, "price": Invalid.TEXT, "note": Invalid.TEXT}
    assert spec.secret == ("card_no", "tenant_id")


def test_a_column_whose_invalid_values_are_text_is_text_to_callers(tmp_path: Path) -> None:
    known = load(written(tmp_path / "catalog.toml")).by_code("Prices")
    assert known
    types = {c.field: str(c.spec.file_type) for c in known.columns}
    assert types == {"id": "text", "price": "text", "closes": "time", "doc": "json", "note": "text", "card": "text"}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (
            {"formats": '"CSV", "PARQUET"'},
            (
                "formats: price is decimal(9,2), and with invalid = text the whole column would be text: "
                "allowed are XLSX, CSV, JSON, JSONL; or choose invalid = null"
            ),
        ),
        ({"price": "nul"}, 'invalid: "nul" is not known'),
        ({"card": ', invalid = "text"'}, "invalid: a masked column is text already: only null and refuse are allowed"),
    ],
)
def test_what_cannot_be(tmp_path: Path, changes: dict[str, str], found: str) -> None:
    with pytest.raises(FileError) as refused:
        load(written(tmp_path / "catalog.toml", **changes))
    assert found in str(refused.value)


def test_parquet_goes_with_null(tmp_path: Path) -> None:
    assert load(written(tmp_path / "catalog.toml", formats='"PARQUET"', price="null")).by_code("Prices")
