"""Drafts of collections of an API, from the first page of each."""

import io
from pathlib import Path

import pytest

from services.worker.sources.introspect.command import run
from tests.integration.sources.drafts import drafted_from, exported, lines, of
from tests.integration.sources.http_apis import api_of


def source(url: str) -> str:
    return f'[sources.shop]\nkind = "http"\nurl = "{url}"\nallow_private = true\nretry_s = 0\n'


@pytest.mark.parametrize(
    ("path", "pages"),
    [
        ("/things", '{ path = "/things" }'),
        ("/plain", '{ path = "/plain" }'),
        ("/numbers?x=1", '{ path = "/numbers?x=1", items = "data" }'),
    ],
)
def test_a_draft_of_an_api(tmp_path: Path, path: str, pages: str) -> None:
    with api_of(3) as api:
        text, catalog = drafted_from(tmp_path, source(api.url), "--table", path)
        assert f"http = {pages}" in text.replace(', total = "total"', "").replace(', next = "next"', "")
        found = " ".join(f"{field} {line.partition(' #')[0]}" for field, line in lines(text).items())
        assert found == (
            "id integer issuerRfc text issuerName text total decimal(38,1) issuedAt timestamp status text tags json"
            " note text owner text"
        )
        (code,) = (c.code for c in catalog.collections)
        rows = exported(tmp_path, of(catalog, code)).rows
        assert [row["issuerRfc"] for row in rows] == ["XAXX000001", "XAXX000002", "XAXX000003"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([], "name the path of one with --table"), (["--table", "/nowhere"], "does not hold the rows of this collection")],
)
def test_what_cannot_be_drafted(tmp_path: Path, arguments: list[str], said: str) -> None:
    with api_of(1) as api:
        (tmp_path / "sources.toml").write_text(source(api.url))
        err = io.StringIO()
        assert run(["shop", *arguments], {"EXPORTD_SOURCES": str(tmp_path / "sources.toml")}, io.StringIO(), err) == 2
        assert said in err.getvalue()
