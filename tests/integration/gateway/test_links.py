"""The pages of download links, for people without credentials."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Any

import pytest
from structlog.testing import capture_logs

from exportd.v1.link_service_pb2 import LinkedFile
from services.api.domain.key_texts import written
from services.api.domain.links import LinkPolicy
from services.api.settings import ApiSettings
from services.gateway.http.middleware import without_secrets
from services.gateway.links.page import file_page, problem_page
from tests.integration.api.conftest import Api, Worker
from tests.integration.gateway.conftest import Gateway, opened

CONTENT = b"id\r\n1\r\n2\r\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HOSTILE = "\"><script>alert('x')</script> $&`.csv"


@pytest.fixture
def settings(settings: ApiSettings) -> ApiSettings:
    return replace(settings, links=LinkPolicy(timedelta(days=7)))


class Page(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Mapping[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[Mapping[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


async def linked(gateway: Gateway, worker: Worker, **link: Any) -> dict[str, Any]:
    """What CreateDownloadLink answers for an export that is done."""
    created = await gateway.create()
    await worker.build(CONTENT)
    made: dict[str, Any] = await gateway.json("POST", "/v1/links", json={"exportId": created["id"], **link})
    return made


async def asked(gateway: Gateway, verb: str, path: str, **more: Any) -> tuple[int, Any, str]:
    async with gateway.session.request(verb, f"{gateway.url}{path}", allow_redirects=False, **more) as answer:
        return answer.status, answer.headers, await answer.text()


async def pressed(gateway: Gateway, token: str, use_id: str = "") -> str:
    """The path to which the button leads."""
    data = {"use_id": use_id} if use_id else {}
    status, headers, _ = await asked(gateway, "POST", f"/links/{token}", data=data)
    assert status == 303
    return f"/links/{headers['Location']}"


async def uses(gateway: Gateway, made: dict[str, Any]) -> int:
    listed = await gateway.json("GET", f"/v1/exports/{made['link']['exportId']}/links")
    return int(listed["links"][0]["uses"])


async def test_the_page_says_what_the_file_is_and_its_button_leads_to_the_file(
    gateway: Gateway, worker: Worker
) -> None:
    made = await linked(gateway, worker, maxUses=1)
    status, _, html = await asked(gateway, "GET", f"/links/{made['token']}")
    page = Page(html)
    assert status == 200
    for fact in ("Orders", "Rows2", "10 bytes", SHA256, "UTC", "can be used once more"):
        assert fact in page.text
    (form,) = page.all("form")
    assert (form.get("method"), form.get("action")) == ("post", None)
    (hidden,) = page.all("input")
    use_id = str(hidden["value"])
    path = await pressed(gateway, made["token"], use_id)
    async with gateway.session.get(f"{gateway.url}{path}") as answer:
        assert (answer.status, await answer.read()) == (200, CONTENT)
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="')
        assert answer.headers["ETag"] == f'"{SHA256}"'
    assert await pressed(gateway, made["token"], use_id) == path
    assert await uses(gateway, made) == 1


async def test_a_download_can_be_resumed_and_looked_at(gateway: Gateway, worker: Worker) -> None:
    path = await pressed(gateway, (await linked(gateway, worker, maxUses=1))["token"])
    for headers, expected in (
        ({"Range": "bytes=4-"}, (206, CONTENT[4:])),
        ({"Range": "bytes=0-3"}, (206, CONTENT[:4])),
    ):
        async with gateway.session.get(f"{gateway.url}{path}", headers=headers | {"If-Range": f'"{SHA256}"'}) as answer:
            assert (answer.status, await answer.read()) == expected
    async with gateway.session.head(f"{gateway.url}{path}") as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(CONTENT)))
    async with gateway.session.get(f"{gateway.url}{path}", headers={"If-None-Match": f'"{SHA256}"'}) as answer:
        assert answer.status == 304
    async with gateway.session.get(f"{gateway.url}{path}", headers={"Range": "bytes=99-"}) as answer:
        assert answer.status == 416


async def test_what_fetches_every_address_uses_nothing_up(gateway: Gateway, worker: Worker) -> None:
    made = await linked(gateway, worker, maxUses=1)
    for headers in ({}, {"Sec-Purpose": "prefetch"}, {"User-Agent": "Slackbot-LinkExpanding 1.0"}):
        for verb in ("GET", "HEAD"):
            assert (await asked(gateway, verb, f"/links/{made['token']}", headers=headers))[0] == 200
    assert await uses(gateway, made) == 0
    assert (await asked(gateway, "GET", f"/links/{made['token']}/content"))[0] == 404
    await pressed(gateway, made["token"])


async def test_a_program_without_the_page_uses_a_link_too(gateway: Gateway, worker: Worker) -> None:
    made = await linked(gateway, worker, maxUses=2)
    paths = [await pressed(gateway, made["token"], use_id) for use_id in ("", "../../x")]
    assert len(paths) == 2
    assert await uses(gateway, made) == 2
    assert (await asked(gateway, "POST", f"/links/{made['token']}"))[0] == 404


@pytest.mark.parametrize("verb", ["GET", "HEAD", "POST"])
async def test_a_link_that_is_not_valid_has_one_page_whatever_the_reason(
    gateway: Gateway, worker: Worker, verb: str
) -> None:
    used_up = await linked(gateway, worker, maxUses=1)
    await pressed(gateway, used_up["token"])
    texts = (used_up["token"], written("exl", "A" * 10, "B" * 40), "none", "%00", "ключ", "x" * 300)
    answers = [await asked(gateway, verb, f"/links/{text}", data=None) for text in texts]
    assert {status for status, _, _ in answers} == {404}
    pages = {re.sub("[0-9a-f]{32}", "", html) for _, _, html in answers}
    assert len(pages) == 1
    if verb != "HEAD":
        assert "Ask whoever sent it to you" in pages.pop()
    assert {headers["Content-Type"] for _, headers, _ in answers} == {"text/html; charset=utf-8"}


async def test_a_page_loads_nothing_and_runs_nothing(gateway: Gateway, worker: Worker) -> None:
    made = await linked(gateway, worker)
    for path in (f"/links/{made['token']}", "/links/none"):
        _, headers, html = await asked(gateway, "GET", path)
        (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy == {
            "default-src": "'none'",
            "style-src": f"'sha256-{digest}'",
            "img-src": "data:",
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
        }
        assert (headers["Referrer-Policy"], headers["Cache-Control"]) == ("no-referrer", "no-store")
        assert "noindex" in headers["X-Robots-Tag"]
        page = Page(html)
        assert not any(page.all(tag) for tag in ("script", "img", "iframe", "object", "a"))
        assert [link["href"] for link in page.all("link")] == ["data:,"]
        assert not re.search(r" on[a-z]+=| style=|@import|url\(|https?://", html)
        assert made["token"] not in html
        assert page.all("html")[0]["lang"] == "en"
        assert len(page.all("h1")) == len(page.all("main")) == 1


@pytest.mark.parametrize("field", ["filename", "type", "sha256"])
def test_names_are_only_text(field: str) -> None:
    """The api refuses such names; the page does not rely on it."""
    html = file_page(LinkedFile(**{"filename": "a.csv", "type": "Orders", field: HOSTILE}), "u" * 16)
    page = Page(html)
    assert not page.all("script")
    assert HOSTILE in page.text


def test_a_problem_is_only_text() -> None:
    page = Page(problem_page(HTTPStatus.INTERNAL_SERVER_ERROR, HOSTILE, HOSTILE))
    assert not page.all("script")
    assert page.text.count(HOSTILE) == 2


async def test_a_gateway_beyond_loopback_needs_no_key_for_a_link(api: Api, worker: Worker) -> None:
    settings = {"EXPORTD_GATEWAY_LISTEN": "0.0.0.0:0", "EXPORTD_TLS_OFF_BEHIND_PROXY": "yes"}
    async with opened(api.target) as near, opened(api.target, **settings) as far:
        made = await linked(near, worker)
        await far.json("GET", f"/v1/exports/{made['link']['exportId']}", 401)
        path = await pressed(far, made["token"])
        async with far.session.get(f"{far.url}{path}", headers={"Host": "exports.example.com"}) as answer:
            assert await answer.read() == CONTENT


async def test_an_api_that_is_away_is_told_as_a_page(gateway: Gateway, worker: Worker, api: Api) -> None:
    made = await linked(gateway, worker)
    await api.parts.servers.stop(0)
    status, headers, html = await asked(gateway, "GET", f"/links/{made['token']}")
    assert (status, headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert "cannot be downloaded now" in html
    assert int(headers["Retry-After"]) > 0
    assert api.target not in html


# ---- the same in JSON


async def test_programs_have_the_same_in_json(gateway: Gateway, worker: Worker) -> None:
    made = await linked(gateway, worker, maxUses=1)
    with_token = {"X-Exportd-Link": made["token"]}
    file = await gateway.json("GET", "/v1/linked-file", headers=with_token)
    assert (file["rowCount"], file["sizeBytes"], file["sha256"], file["usesLeft"]) == ("2", "10", SHA256, 1)
    body = {"useId": "0123456789abcdef"}
    ticket = await gateway.json("POST", "/v1/linked-file:use", json=body, headers=with_token)
    assert await gateway.json("POST", "/v1/linked-file:use", json=body, headers=with_token) == ticket
    by_ticket = {"X-Exportd-Link": ticket["ticket"]}
    async with gateway.session.get(f"{gateway.url}/v1/linked-file/content", headers=by_ticket) as answer:
        assert await answer.read() == CONTENT
    await gateway.json("GET", "/v1/linked-file", 404, headers=with_token)
    for headers in ({"X-Exportd-Link": ""}, {**with_token, "X-Api-Key": "x"}, {"X-Exportd-Link": "x" * 300}):
        await gateway.json("GET", "/v1/linked-file", 401, headers=headers)
    assert (await gateway.json("GET", "/v1/exports", 403, headers=with_token))["reason"] == "SCOPE_MISSING"


# ---- what is written down


async def test_no_token_and_no_ticket_gets_into_a_log(gateway: Gateway, worker: Worker) -> None:
    made = await linked(gateway, worker)
    with capture_logs() as written_down:
        path = await pressed(gateway, made["token"])
        await asked(gateway, "GET", path)
        for typo in (f"/links/{made['token']}/x/y", f"/{made['token']}", f"/links/{made['token']}%20", f"{path}/x"):
            await asked(gateway, "GET", typo)
    paths = [entry["path"] for entry in written_down if entry["event"] == "request"]
    assert len(paths) == 6
    whole = repr(written_down)
    assert made["token"][4:] not in whole
    assert path.split("/")[2][4:] not in whole
    assert "/links/exl_…" in paths[0]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/links/exl_abc", "/links/exl_…"),
        ("/links/ext_abc/content", "/links/ext_…/content"),
        ("/v1/exd_1/exw_2", "/v1/exd_…/exw_…"),
        ("/v1/exports", "/v1/exports"),
    ],
)
def test_a_path_is_shown_without_what_opens_something(path: str, shown: str) -> None:
    assert without_secrets(path) == shown


# ---- downloads from the object store


async def test_a_folder_redirects_nowhere(gateway: Gateway, worker: Worker) -> None:
    created = await gateway.create()
    await worker.build(CONTENT)
    path = f"/v1/exports/{created['id']}/content"
    refused = await gateway.json("GET", f"{path}?redirect=store", 409)
    assert refused["reason"] == "DOWNLOAD_URL_UNSUPPORTED"
    for query in ("redirect=other", "redirect=", "redirect=store&redirect=store", "redirect=store&offset=1"):
        assert (await gateway.json("GET", f"{path}?{query}", 400))["reason"] == "INVALID_REQUEST"
