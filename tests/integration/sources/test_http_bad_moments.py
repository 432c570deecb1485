"""An HTTP API in trouble: what passes is waited for, what does not fails by its name; no file is ever short."""

import threading
import time
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import pytest

from services.contract.outcome import MatchedBy
from services.contract.spec import HttpPages, Paging, Relation
from services.worker.sources.errors import SourceFailed
from tests.integration.sources.http_apis import (
    COLUMNS,
    LINKED,
    api_of,
    at_most,
    failure,
    ids,
    read_from,
    settings_of,
    thing,
)
from tests.integration.sources.source_specs import read, spec_of
from tests.patience import PATIENCE_S
from tests.servers.api_platform import ApiPlatform, Moment, Reply, Request, body, cut, edited, served, status
from tests.tiers import deep_but

EVERY = list(range(1, 26))
NUMBERS = HttpPages("numbers", items="data", paging=Paging.PAGE, parameter="page")

PASSING: dict[str, Moment] = {
    "429": status(429, Retry_After="0"),
    "429 without a time": status(429),
    "503 with a time that makes no sense": status(503, Retry_After="soon"),
    "500": status(500),
    "cut in the body": cut(100),
    "cut before the body": cut(0),
    "no JSON": body(b"<html>Bad gateway</html>"),
    "half a document": body(b'{"hydra:member": [{"id": 1}'),
}


@pytest.mark.parametrize("moment", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("gzipped", deep_but([True, False], True))
def test_what_passes_is_tried_again(moment: Moment, gzipped: bool) -> None:
    with api_of(moments={1: moment, 3: moment, 4: moment}, gzipped=gzipped) as api:
        found = read_from(api)
    assert ids(found) == EVERY
    assert len(api.requests) == 6


@pytest.mark.parametrize("moment", PASSING.values(), ids=PASSING)
def test_what_does_not_pass_fails_and_is_retried_later(moment: Moment) -> None:
    with api_of(always=moment) as api:
        assert failure(api) == "SOURCE_UNAVAILABLE"


@pytest.mark.parametrize("after", ["1", "date"])
def test_retry_after_is_waited_for(after: str) -> None:
    began = time.time()
    asked = formatdate(began + 2, usegmt=True) if after == "date" else after
    with api_of(3, moments={1: status(429, Retry_After=asked)}) as api:
        read_from(api)
    assert time.time() - began >= 1  # a date has whole seconds


def test_a_retry_after_beyond_patience_fails_at_once() -> None:
    began = time.monotonic()
    with api_of(always=status(429, Retry_After="3600")) as api:
        assert failure(api, retry_s=1800) == "SOURCE_UNAVAILABLE"
    assert time.monotonic() - began < 600


def test_a_server_that_does_not_answer_in_time_fails() -> None:
    given_up = threading.Event()

    def silent(_: Request, reply: Reply) -> Reply:
        given_up.wait(PATIENCE_S)
        return reply

    with api_of(always=silent) as api:
        assert failure(api, timeout_s=0.2) == "SOURCE_UNAVAILABLE"
        given_up.set()


def test_a_body_that_drips_is_not_waited_for_to_its_end() -> None:
    with api_of(always=lambda _, reply: replace(reply, pause_s=0.02)) as api:  # more in all than each piece
        assert failure(api, timeout_s=0.2) == "SOURCE_UNAVAILABLE"
        assert ids(read_from(api, at_most(25), timeout_s=60)) == EVERY


def test_nobody_listening_fails() -> None:
    with api_of() as api:
        pass
    assert failure(api) == "SOURCE_UNAVAILABLE"


def test_requests_keep_to_the_rate() -> None:
    began = time.monotonic()
    with api_of(50) as api:
        read_from(api, requests_per_second=10)
    assert len(api.requests) == 5
    assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize("code", [400, 401, 403, 422])
def test_a_refusal_is_not_tried_again(code: int) -> None:
    with api_of(always=status(code)) as api:
        assert failure(api) == "SOURCE_REFUSED"
    assert len(api.requests) == 1


# ---- ends that are none


def drop(*names: str) -> Moment:
    return edited(lambda document: [document.pop(name) for name in names])


def put(name: str, value: Any) -> Moment:
    return edited(lambda document: document.update({name: value}))


def empty_page(_: Request, reply: Reply) -> Reply:
    return edited(lambda document: document.update({"hydra:member": []}))(_, reply)


SHORT: dict[str, tuple[HttpPages, dict[int, Moment], str]] = {
    "a missing next": (LINKED, {2: drop("hydra:view")}, "ROWS_MISSING"),
    "an empty page": (LINKED, {2: empty_page}, "ROWS_MISSING"),
    "one page of several": (replace(LINKED, paging=Paging.NONE), {}, "ROWS_MISSING"),
    "a next page that is gone": (LINKED, {2: status(404)}, "SOURCE_UNAVAILABLE"),
    "a number that is gone": (replace(NUMBERS), {2: status(404)}, "SOURCE_UNAVAILABLE"),
    "a page that shrinks": (NUMBERS, {2: edited(lambda d: d["data"].pop())}, "SOURCE_CHANGED"),
    "a total that shrinks": (LINKED, {3: put("hydra:totalItems", 24)}, "SOURCE_CHANGED"),
}


@pytest.mark.parametrize(("pages", "moments", "code"), SHORT.values(), ids=SHORT)
def test_a_collection_that_comes_short_fails_and_is_retried(
    pages: HttpPages, moments: dict[int, Moment], code: str
) -> None:
    with api_of(moments=moments, page_size=10) as api:
        assert failure(api, pages, retry_s=5.0) == code


@pytest.mark.parametrize(("stated", "ends"), [(5, True), (25, True), (26, False), (10**6, False)])
def test_a_stated_total_that_is_too_high_fails_and_one_that_is_too_low_is_no_count(stated: int, ends: bool) -> None:
    with api_of(stated=stated) as api:
        if ends:
            found = read_from(api)
            assert ids(found) == EVERY
            assert found.matched_by is (MatchedBy.COUNT if stated == 25 else MatchedBy.END_OF_STREAM)
        else:
            assert failure(api) == "ROWS_MISSING"


def test_a_page_beyond_the_last_may_be_a_404_when_every_row_was_there() -> None:
    pages = replace(NUMBERS, total="meta.count")
    with api_of(stated=25, page_size=10, moments={4: status(404)}) as api:
        assert ids(read_from(api, pages)) == EVERY


INVALID: dict[str, Moment] = {
    "no list": drop("hydra:member"),
    "items that are no objects": put("hydra:member", [1]),
    "a next that is no text": put("hydra:view", {"hydra:next": 5}),
    "a list": body(b"[1, 2]"),
    "a text": body(b'"text"'),
}


@pytest.mark.parametrize("moment", INVALID.values(), ids=INVALID)
def test_an_answer_of_another_form_fails_for_good(moment: Moment) -> None:
    with api_of(always=moment) as api:
        assert failure(api) == "RELATION_INVALID"


# ---- pages without end

CURSORS = HttpPages("cursors", items="data", paging=Paging.CURSOR, next="meta.next", parameter="after")
ENDLESS: dict[str, tuple[HttpPages, Moment]] = {
    "a page that leads to itself": (LINKED, put("hydra:view", {"hydra:next": "/things?itemsPerPage=10"})),
    "a circle of two": (LINKED, put("hydra:view", {"hydra:next": "/things?itemsPerPage=10&page=2"})),
    "a cursor that stands still": (CURSORS, edited(lambda d: d["meta"].update(next=10))),
    "a page number that is ignored": (NUMBERS, lambda _, reply: replace(reply, body=b'{"data": [{"id": 1}]}')),
    "new links to the same rows": (
        LINKED,
        lambda r, reply: put("hydra:view", {"hydra:next": f"/things?n={r.number}"})(r, reply),
    ),
}


@pytest.mark.parametrize(("pages", "moment"), ENDLESS.values(), ids=ENDLESS)
def test_pages_that_come_round_again_fail(pages: HttpPages, moment: Moment) -> None:
    with api_of(always=moment, page_size=10) as api:
        assert failure(api, pages, columns={"id": "integer"}) == "PAGES_ENDLESS"
    assert len(api.requests) <= 5


def test_more_pages_or_larger_ones_than_allowed_fail() -> None:
    with api_of(gzipped=True) as api:
        assert failure(api, at_most(5), max_pages=4) == "PAGES_ENDLESS"
        assert ids(read_from(api, at_most(5), max_pages=5)) == EVERY
        assert failure(api, max_page_bytes=500) == "PAGE_TOO_LARGE"


# ---- rows that move


def test_a_row_that_was_pushed_onto_the_next_page_is_written_once() -> None:
    with api_of() as api:

        def add_before(number: int) -> None:
            if number == 2:
                api.items = [thing(100), *api.items]

        api.before = add_before
        found = read_from(api)
    assert ids(found) == EVERY
    assert [(w.code, w.count) for w in found.warnings] == [("ROWS_REPEATED", 1)]


def test_a_row_that_comes_twice_in_a_page_is_written_once() -> None:
    with served(ApiPlatform([thing(1), thing(1), thing(2)])) as api:
        assert ids(read_from(api, HttpPages("plain"))) == [1, 2]


# ---- other places

ELSEWHERE = [
    "http://example.org/things",
    "//example.org/things",
    "https://127.0.0.1/things",
    "http://127.0.0.1:1/things",
    "http://me:secret@127.0.0.1/things",
    "file:///etc/passwd",
    "http://[::1/things",
]


@pytest.mark.parametrize("link", ELSEWHERE)
def test_a_link_to_another_place_is_refused(link: str) -> None:
    with api_of(always=put("hydra:view", {"hydra:next": link})) as api:
        assert failure(api) == "LINK_FOREIGN"
    assert len(api.requests) == 1


@pytest.mark.parametrize("account", ["me:secret@", "me@", ":secret@", "@"])
def test_a_link_that_brings_an_account_along_is_refused(account: str) -> None:
    """It leads to the very host, and would go there in somebody else's name."""
    view = {"hydra:next": ""}
    with api_of(always=put("hydra:view", view)) as api:
        view["hydra:next"] = f"{api.url.replace('//', '//' + account)}/things?page=2"
        assert failure(api) == "LINK_FOREIGN"
    assert len(api.requests) == 1


@pytest.mark.parametrize("link", [*ELSEWHERE, ""])
def test_a_redirect_to_another_place_is_refused(link: str) -> None:
    with api_of(always=status(302, Location=link)) as api:
        assert failure(api) in ("LINK_FOREIGN", "SOURCE_REFUSED")
    assert {r.path for r in api.requests} == {"/things"}


def test_a_redirect_on_the_same_host_is_followed() -> None:
    with api_of(3, moments={1: status(307, Location="/things?page=1")}) as api:
        assert ids(read_from(api)) == [1, 2, 3]


def test_an_absolute_link_to_the_same_host_is_followed() -> None:
    with api_of() as api:
        api.moments[1] = put("hydra:view", {"hydra:next": f"{api.url}/things?page=2&itemsPerPage=10#top"})
        assert ids(read_from(api)) == EVERY


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1"])
def test_a_private_address_is_refused_unless_allowed(host: str) -> None:
    with api_of() as api:
        api.url = api.url.replace("127.0.0.1", host)
        settings = replace(settings_of(api), allow_private=False, retry_s=0)
        with pytest.raises(SourceFailed) as failed:
            read(settings, spec_of("http", COLUMNS, relation=Relation(http=LINKED)))
    assert failed.value.code == "ADDRESS_REFUSED"
    assert api.requests == []


def test_headers_of_the_settings_go_with_every_request() -> None:
    with api_of() as api:
        read_from(api, headers=(("X-Api-Key", "a-secret"),))
    assert [r.headers["x-api-key"] for r in api.requests] == ["a-secret"] * 3


def test_no_secret_is_shown() -> None:
    with api_of() as api:
        assert "a-secret" not in repr(settings_of(api, headers=(("X-Api-Key", "a-secret"),)))
