"""The native door: every method as JSON."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from services.gateway.native.routes import ROUTES
from services.gateway.upstream.methods import METHODS
from tests.integration.api.conftest import Api, Worker, until
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.described import check_value

NOBODY = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


def test_every_method_has_a_route_whose_path_names_fields_of_its_request() -> None:
    assert {route.method for route in ROUTES} == set(METHODS)
    assert len({(route.verb, route.path) for route in ROUTES}) == len(ROUTES)
    for route in ROUTES:
        named = set(re.findall(r"{(\w+)}", route.path))
        assert named <= set(METHODS[route.method].request.DESCRIPTOR.fields_by_name)


def test_the_page_has_every_route_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs/http.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `([A-Z]+) (/v1/\S+)` \| `(\w+)` \|$", page, re.MULTILINE)
    assert shown == [(route.verb, route.path, route.method) for route in ROUTES]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.verb} {route.path}")
async def test_every_route_reaches_its_method(gateway: Gateway, route: Any) -> None:
    """The answer is one of the api, whatever it says of a thing that is not there."""
    path = re.sub(r"{(\w+)}", lambda found: "Orders" if found[1] == "type" else NOBODY, route.path)
    async with gateway.session.request(route.verb, f"{gateway.url}{path}") as answer:
        document = await answer.json(content_type=None)
        assert answer.status == 200 or document["reason"]


async def test_an_export_goes_from_its_create_to_its_file(gateway: Gateway, worker: Worker) -> None:
    created = await gateway.create(labels={"team": "a"})
    assert (created["state"], created["done"], created["format"]) == ("STATE_QUEUED", False, "FORMAT_CSV")
    await worker.build(b"id\r\n1\r\n2\r\n")
    got = await gateway.json("GET", f"/v1/exports/{created['id']}")
    assert (got["state"], got["file"]["sizeBytes"], got["result"]["rowsWritten"]) == ("STATE_COMPLETED", "10", "2")
    file = await gateway.json("GET", f"/v1/files/{got['file']['id']}")
    assert file["exportId"] == created["id"]
    listed = await gateway.json("GET", "/v1/exports?labels[team]=a&states=STATE_COMPLETED&pageSize=5")
    assert [each["id"] for each in listed["exports"]] == [created["id"]]
    assert (await gateway.json("GET", "/v1/exports?labels[team]=b"))["exports"] == []
    history = await gateway.json("GET", f"/v1/exports/{created['id']}/transitions?page_size=1")
    assert history["transitions"][0]["event"] == "EVENT_CREATE"
    assert await gateway.json("DELETE", f"/v1/exports/{created['id']}") == {}


async def test_one_key_is_one_export(gateway: Gateway) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    body = {"uri": "/shops/7/orders", "format": "FORMAT_CSV"}
    first, again = [await gateway.json("POST", "/v1/exports", json=body, headers=key) for _ in range(2)]
    assert first["id"] == again["id"]
    other = await gateway.json("POST", "/v1/exports", 409, json=body | {"format": "FORMAT_JSON"}, headers=key)
    assert other["reason"] == "REQUEST_ID_REUSED"
    assert (await gateway.create())["id"] != first["id"]
    quoted = {"Idempotency-Key": f'"{key["Idempotency-Key"]}"'}
    assert (await gateway.json("POST", "/v1/exports", json=body, headers=quoted))["id"] == first["id"]
    for odd in ('"a', 'a"', "", "a b", '""'):
        await gateway.json("POST", "/v1/exports", 400, json=body, headers={"Idempotency-Key": odd})


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"colour": "red", "csv": {"quote": "'"}}, {"colour", "csv.quote"}),
        ({"columns": [{"field": "id"}, {"name": "x"}]}, {"columns[1].name"}),
        ({"fileTypes": [], "file_types": []}, {"file_types"}),
        ({"format": "CSV"}, {"format"}),
        ({"filename": "\ud800"}, {"filename"}),
        ({"priority": 10**30}, {"priority"}),
        ({"priority": "3", "maxAttempts": None, "validateOnly": 1}, {"priority", "max_attempts", "validate_only"}),
        ({"priority": 1.5, "format": 2, "fileTypes": "x"}, {"priority", "format", "file_types"}),
        ({"csv": [], "columns": [7], "labels": [], "password": 5}, {"csv", "columns[0]", "labels", "password"}),
        ({"labels": {"a": 1, "b": None}}, {"labels[a]", "labels[b]"}),
        ({"labels": {"\ud800": "a"}}, {"labels"}),
        ({"ttl": "5", "changedSince": "2026-1-1T0:0:0Z"}, {"ttl", "changed_since"}),
        ({"ttl": "999999999999s", "changedSince": "2026-13-01T00:00:00Z"}, {"ttl", "changed_since"}),
        ({"priority": 99}, {"priority"}),
    ],
)
async def test_a_mistake_in_a_body_names_its_field(gateway: Gateway, body: dict[str, Any], fields: set[str]) -> None:
    refused = await gateway.json("POST", "/v1/exports", 400, json={"uri": "/shops/7/orders"} | body)
    assert refused["reason"] == "INVALID_REQUEST"
    assert {each["field"] for each in refused["violations"]} == fields


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"uri": "/a", "uri": "/b"}', 400),
        (b'{"priority": NaN}', 400),
        (b'{"a":' * 50_000, 400),
        (b'{"priority": 1' + b"0" * 5000 + b"}", 400),
        (b"\xff\xfe\x00", 400),
        ('{"uri": "/shops/7/orders"}'.encode("utf-16"), 400),
        (b'{"uri": "' + b"x" * (1 << 20) + b'"}', 413),
        (b'{"uri": "/' + b"x" * 100_000 + b'"}', 400),
    ],
)
async def test_a_body_that_is_none_is_refused(gateway: Gateway, text: bytes, status: int) -> None:
    refused = await gateway.json("POST", "/v1/exports", status, data=text, headers={"Content-Type": "application/json"})
    assert refused["status"] == status


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/exports?colour=red", "colour"),
        ("/v1/exports?pageSize=1&pageSize=2", "pageSize"),
        ("/v1/exports?labels=a", "labels"),
        ("/v1/exports?labels[a=b", "labels[a"),
        ("/v1/exports?type[a]=b", "type[a]"),
        (f"/v1/exports/{NOBODY}?exportId={NOBODY}", "exportId"),
        (f"/v1/exports/{NOBODY}?view=FULL", "view"),
        ("/v1/exports?pageSize=-1", "page_size"),
        ("/v1/exports?pageSize=%2B1", "page_size"),
        ("/v1/exports?pageSize=1.0", "page_size"),
        ("/v1/exports?states=1", "states[0]"),
        ("/v1/exports?labels[a]=b&labels[a]=c", "labels[a]"),
        ("/v1/exports?createdAfter=yesterday", "created_after"),
        (f"/v1/exports/{NOBODY}/content?offset=1", "offset"),
        (f"/v1/files/{NOBODY}/download-url?exportId={NOBODY}", "exportId"),
    ],
)
async def test_a_mistake_in_a_query_names_its_parameter(gateway: Gateway, path: str, field: str) -> None:
    refused = await gateway.json("GET", path, 400)
    assert [each["field"] for each in refused["violations"]] == [field]


async def test_what_belongs_into_the_body_is_not_taken_from_the_query(gateway: Gateway) -> None:
    body = {"uri": "/shops/7/orders"}
    refused = await gateway.json("POST", "/v1/exports?priority=3", 400, json=body)
    assert [each["field"] for each in refused["violations"]] == ["priority"]


async def test_a_path_with_odd_characters_is_no_other_route(gateway: Gateway) -> None:
    for path in ("/v1/exports/a%2Fb", "/v1/exports/%00", "/v1/exports/%ff"):
        refused = await gateway.json("GET", path, 400)
        assert refused["violations"][0]["field"] == "export_id", path
    assert (await gateway.json("GET", "/v1/nothing", 404))["title"] == "Not Found"
    async with gateway.session.put(f"{gateway.url}/v1/exports") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET,POST")


async def test_changes_come_as_events_until_the_end(api: Api, gateway: Gateway, worker: Worker) -> None:
    created = await gateway.create()
    async with gateway.session.get(f"{gateway.url}/v1/exports/{created['id']}:watch") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        first = await answer.content.readuntil(b"\n\n")
        await worker.build(b"id\r\n")
        rest = (await answer.content.read()).decode()
    events = [*_events(first.decode()), *_events(rest)]
    assert [each["state"] for _, each in events][:: len(events) - 1] == ["STATE_QUEUED", "STATE_COMPLETED"]
    assert all(int(number) == int(each["version"]) for number, each in events)
    path, seen = f"/v1/exports/{created['id']}:watch", events[-1][0]
    async with gateway.session.get(f"{gateway.url}{path}", headers={"Last-Event-ID": seen}) as again:
        assert again.status == 204
    assert (await gateway.json("GET", f"/v1/exports/{NOBODY}:watch", 404))["reason"] == "EXPORT_NOT_FOUND"


def _events(text: str) -> list[tuple[str, dict[str, Any]]]:
    blocks = [block.split("\n") for block in text.split("\n\n") if block.startswith("id: ")]
    events = [(number.removeprefix("id: "), json.loads(data.removeprefix("data: "))) for number, data in blocks]
    for _, export in events:
        check_value("native", {"$ref": "#/components/schemas/Export"}, export)
    return events


async def test_a_quiet_stream_has_comments(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.http.events.COMMENT_S", 0.01)
    created = await gateway.create()
    async with gateway.session.get(f"{gateway.url}/v1/exports/{created['id']}:watch") as answer:
        await answer.content.readuntil(b"\n\n")
        assert await answer.content.readuntil(b"\n\n") == b": waiting\n\n"


async def test_a_caller_that_leaves_ends_the_call(api: Api, gateway: Gateway) -> None:
    created = await gateway.create()
    async with gateway.session.get(f"{gateway.url}/v1/exports/{created['id']}:watch") as answer:
        await answer.content.readuntil(b"\n\n")
        answer.close()
    stats, labels = api.parts.metrics.registry.get_sample_value, {"method": "WatchExport", "code": "CANCELLED"}
    await until(lambda: stats("exportd_calls_total", labels) == 1)
