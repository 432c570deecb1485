"""URLs that a store signs: they read one object, for a while, and do nothing else."""

import asyncio
import urllib.error
import urllib.request
from datetime import timedelta
from email.message import Message
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from services.objects.settings import BucketStore
from tests.integration.artifacts.writers import CONTENT, KEY, LEASE, NAME, nothing, stored
from tests.patience import PATIENCE_S

MINUTE = timedelta(minutes=1)
REFUSED = 403


def answered(url: str, method: str = "GET", **headers: str) -> tuple[int, bytes, Message]:
    data = b"x" if method == "PUT" else None
    request = urllib.request.Request(url, method=method, headers=headers, data=data)  # noqa: S310 - a store of tests
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as refused:
        return refused.code, b"", refused.headers


async def signed(reader, key: str = KEY, life: timedelta = MINUTE) -> str:
    url = await reader.signed_url(key, life)
    assert url
    return url


def changed(url: str, **query: str) -> str:
    place = urlsplit(url)
    return place._replace(query=urlencode({**dict(parse_qsl(place.query)), **query})).geturl()


@pytest.mark.parametrize("place", ["folder"], indirect=True)
async def test_a_folder_signs_none(sink, reader):
    stored(sink)
    assert await reader.signed_url(KEY, MINUTE) is None


@pytest.mark.parametrize("place", ["bucket"], indirect=True)
class TestBucket:
    async def test_a_url_reads_its_object_whole_or_in_part(self, sink, reader):
        writer = sink.open(LEASE, NAME, "text/csv")
        writer.write(CONTENT)
        writer.close(nothing)
        url = await signed(reader)
        status, content, headers = answered(url)
        assert (status, content) == (200, CONTENT)
        assert headers["Content-Type"] == "text/csv"
        assert headers["Content-Disposition"] == 'attachment; filename="export-1-export.csv"'
        status, content, headers = answered(url, Range="bytes=7-")
        assert (status, content) == (206, CONTENT[7:])
        assert headers["Content-Range"] == f"bytes 7-{len(CONTENT) - 1}/{len(CONTENT)}"

    async def test_one_that_was_changed_reads_nothing(self, sink, reader):
        stored(sink)
        stored(sink, name="other.csv")
        url = await signed(reader)
        assert [name for name, _ in parse_qsl(urlsplit(url).query) if "secret" in name.lower()] == []
        for other in (
            changed(url, **{"X-Amz-Expires": "86400"}),
            changed(url, **{"X-Amz-Date": "20380101T000000Z"}),
            changed(url, **{"X-Amz-Signature": "0" * 64}),
            url.replace("export.csv", "other.csv"),
            url.partition("?")[0],
        ):
            assert answered(other)[:2] == (REFUSED, b"")

    async def test_it_writes_and_removes_nothing(self, sink, reader, place):
        stored(sink)
        url = await signed(reader)
        assert [answered(url, method)[0] for method in ("PUT", "DELETE")] == [REFUSED, REFUSED]
        assert place.names() == [KEY]

    async def test_it_is_refused_once_its_time_is_over(self, sink, reader):
        stored(sink)
        url = await signed(reader, life=timedelta(seconds=1))
        async with asyncio.timeout(PATIENCE_S):
            while (await asyncio.to_thread(answered, url))[0] != REFUSED:
                await asyncio.sleep(0.1)  # between two looks

    @pytest.mark.parametrize("key", ["", ".exportd-store", "../other", "export-1/lease-1/"])
    async def test_what_is_no_key_of_an_artifact_gets_none(self, reader, key):
        assert await reader.signed_url(key, MINUTE) is None

    async def test_where_the_reader_pays_a_url_is_not_enough(self, sink, reader, place):
        stored(sink)
        bucket = place.settings
        paid = BucketStore(bucket.url, (*bucket.options, ("AWS_REQUEST_PAYER", "true")))
        assert await type(reader)(paid, reader.store_id).signed_url(KEY, MINUTE) is None
