"""Bytes of files over HTTP: whole, in parts, under conditions."""

import hashlib
from typing import Any

import pytest

from services.gateway.http.file_names import disposition
from tests.integration.api.conftest import Api, Worker, until
from tests.integration.gateway.conftest import Gateway

CONTENT = bytes(range(256)) * 5
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SIZE = len(CONTENT)


@pytest.fixture
async def path(gateway: Gateway, worker: Worker) -> str:
    """Of the bytes of an export that is complete."""
    created = await gateway.create()
    await worker.build(CONTENT)
    return f"/v1/exports/{created['id']}/content"


async def asked(gateway: Gateway, path: str, verb: str = "GET", **headers: str) -> tuple[int, Any, bytes]:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    async with gateway.session.request(verb, f"{gateway.url}{path}", headers=headers) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_a_file_comes_whole_with_what_a_caller_needs_to_check_it(gateway: Gateway, path: str) -> None:
    status, headers, body = await asked(gateway, path, Accept_Encoding="gzip, deflate")
    assert (status, body) == (200, CONTENT)
    assert (headers["ETag"], headers["Accept-Ranges"]) == (f'"{SHA256}"', "bytes")
    assert (headers["Content-Length"], headers["Content-Type"]) == (str(SIZE), "text/csv")
    assert headers["Content-Disposition"].startswith('attachment; filename="')
    assert "Content-Encoding" not in headers
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_by_its_id_a_file_is_the_same(gateway: Gateway, path: str) -> None:
    export = await gateway.json("GET", path.removesuffix("/content"))
    status, headers, body = await asked(gateway, f"/v1/files/{export['file']['id']}/content")
    assert (status, body, headers["ETag"]) == (200, CONTENT, f'"{SHA256}"')


@pytest.mark.parametrize(
    ("asked_for", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=1000-", 1000, SIZE - 1),
        ("bytes=-1", SIZE - 1, SIZE - 1),
        ("bytes=-99999", 0, SIZE - 1),
        (f"bytes=0-{SIZE * 2}", 0, SIZE - 1),
    ],
)
async def test_one_range_is_a_part(gateway: Gateway, path: str, asked_for: str, first: int, last: int) -> None:
    status, headers, body = await asked(gateway, path, Range=asked_for)
    assert (status, body) == (206, CONTENT[first : last + 1])
    assert headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"


@pytest.mark.parametrize("asked_for", ["bytes=0-1,5-6", "bytes=5-1", "bytes=-", "bytes=x-1", "lines=0-1", "bytes=0"])
async def test_what_is_no_single_range_is_the_whole_file(gateway: Gateway, path: str, asked_for: str) -> None:
    assert (await asked(gateway, path, Range=asked_for))[::2] == (200, CONTENT)


@pytest.mark.parametrize("asked_for", [f"bytes={SIZE}-", "bytes=999999999-", "bytes=-0"])
async def test_a_range_behind_the_end_says_how_large_the_file_is(gateway: Gateway, path: str, asked_for: str) -> None:
    status, headers, _ = await asked(gateway, path, Range=asked_for)
    assert (status, headers["Content-Range"]) == (416, f"bytes */{SIZE}")


async def test_a_part_of_another_file_is_the_whole_one(gateway: Gateway, path: str) -> None:
    assert (await asked(gateway, path, Range="bytes=0-4", If_Range=f'"{SHA256}"'))[::2] == (206, CONTENT[:5])
    for other in ('"other"', f'W/"{SHA256}"', "Sat, 28 Nov 2026 12:00:00 GMT"):
        assert (await asked(gateway, path, Range="bytes=0-4", If_Range=other))[::2] == (200, CONTENT)


async def test_who_has_the_file_gets_no_bytes(gateway: Gateway, path: str) -> None:
    for known in (f'"{SHA256}"', f'"x", W/"{SHA256}"', "*"):
        status, headers, body = await asked(gateway, path, If_None_Match=known)
        assert (status, headers["ETag"], body) == (304, f'"{SHA256}"', b"")
    assert (await asked(gateway, path, If_None_Match='"other"'))[::2] == (200, CONTENT)
    assert (await asked(gateway, path, If_Match='"other"'))[0] == 412
    assert (await asked(gateway, path, If_Match=f'"{SHA256}"'))[::2] == (200, CONTENT)


async def test_head_is_get_without_the_bytes(gateway: Gateway, path: str) -> None:
    status, headers, body = await asked(gateway, path, "HEAD", Range="bytes=0-4")
    assert (status, headers["Content-Length"], headers["ETag"], body) == (200, str(SIZE), f'"{SHA256}"', b"")


@pytest.mark.parametrize("verb", ["GET", "HEAD"])
async def test_an_empty_file_has_no_part(gateway: Gateway, worker: Worker, verb: str) -> None:
    created = await gateway.create()
    await worker.build(b"")
    for headers in ({}, {"Range": "bytes=0-1"}, {"Range": "bytes=-1"}):
        status, got, body = await asked(gateway, f"/v1/exports/{created['id']}/content", verb, **headers)
        assert (status, got["Content-Length"], body) == (200, "0", b"")


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-1"}])
async def test_what_is_not_ready_says_why(gateway: Gateway, headers: dict[str, str]) -> None:
    created = await gateway.create()
    path = f"/v1/exports/{created['id']}/content"
    early = await gateway.json("GET", path, 409, headers=headers)
    assert (early["reason"], early["metadata"]["state"]) == ("EXPORT_NOT_READY", "QUEUED")
    await gateway.json("POST", f"/v1/exports/{created['id']}:cancel")
    assert (await gateway.json("GET", path, 409, headers=headers))["reason"] == "EXPORT_CANCELLED"


async def test_a_caller_that_leaves_in_the_middle_ends_the_download(api: Api, gateway: Gateway, worker: Worker) -> None:
    created = await gateway.create()
    await worker.build(bytes(48 << 20))
    async with gateway.session.get(f"{gateway.url}/v1/exports/{created['id']}/content") as answer:
        await answer.content.readexactly(1)
        answer.close()
    stats = api.parts.metrics.registry.get_sample_value
    labels = {"method": "DownloadFile", "code": "CANCELLED"}
    await until(lambda: stats("exportd_calls_total", labels) == 1)


async def test_a_file_that_is_damaged_breaks_off(api: Api, gateway: Gateway, worker: Worker) -> None:
    created = await gateway.create()
    await worker.build(CONTENT)
    (file,) = [each for each in api.artifacts.rglob("*") if each.is_file() and each.stat().st_size == SIZE]
    file.write_bytes(CONTENT[:100])
    refused = await gateway.json("GET", f"/v1/exports/{created['id']}/content", 500)
    assert refused["reason"] == "FILE_DAMAGED"


@pytest.mark.parametrize(
    ("name", "plain", "exact"),
    [
        ("a.csv", "a.csv", "a.csv"),
        ('a"b\\c%.csv', "a_b_c_.csv", "a%22b%5Cc%25.csv"),
        ("účty.csv", "__ty.csv", "%C3%BA%C4%8Dty.csv"),
        ("a\r\nX: y", "a__X: y", "a%0D%0AX%3A%20y"),
    ],
)
def test_the_name_of_a_file_is_safe_in_a_header(name: str, plain: str, exact: str) -> None:
    assert disposition(name) == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"
