"""What only a store in Azure has; the suite of all stores runs over it, too."""

import asyncio
from datetime import timedelta

import pytest

from services.contract.errors import StoreUnavailable
from services.objects.settings import BucketStore
from tests.integration.artifacts.test_bucket import LARGE
from tests.integration.artifacts.test_signed_urls import answered, changed, signed
from tests.integration.artifacts.writers import CONTENT, KEY, LEASE, NAME, content_of, nothing, stored
from tests.patience import PATIENCE_S
from tests.tiers import deep

REFUSED = 403

pytestmark = [deep, pytest.mark.parametrize("place", ["azure"], indirect=True)]


async def test_a_file_of_several_parts_is_whole(sink, reader, place):
    file = stored(sink, content=LARGE * 3)
    assert file.size_bytes == len(LARGE) * 3
    assert await content_of(reader, KEY) == LARGE * 3
    assert place.names() == [KEY]


def test_what_is_aborted_between_parts_is_not_there(sink, place):
    writer = sink.open(LEASE, NAME)
    writer.write(LARGE)
    writer.write(LARGE)
    writer.abort()
    assert place.names() == []


async def test_reads_that_begin_elsewhere_begin_another_answer(sink, reader):
    stored(sink, content=LARGE)
    file = await reader.open(KEY, 5)
    for offset, length in ((5, 100), (105, 1 << 20), (len(LARGE) - 7, 100), (3, 4)):
        assert await file.read(offset, length, bytes) == LARGE[offset : offset + length]
    stored(sink, content=LARGE[::-1])
    with pytest.raises(FileNotFoundError):
        await file.read(1, 10, bytes)
    await file.close()


async def test_a_signed_url_reads_its_object_whole_or_in_part(sink, reader):
    writer = sink.open(LEASE, NAME, "text/csv")
    writer.write(CONTENT)
    writer.close(nothing)
    url = await signed(reader)
    status, content, headers = answered(url)
    assert (status, content) == (200, CONTENT)
    assert headers["Content-Type"] == "text/csv"
    assert headers["Content-Disposition"] == 'attachment; filename="export-1-export.csv"'
    assert answered(url, Range="bytes=7-")[:2] == (206, CONTENT[7:])
    for other in (changed(url, sig="AAAA"), changed(url, se="2038-01-01T00:00:00Z"), url.partition("?")[0]):
        assert answered(other)[1] == b""


async def test_a_signed_url_is_refused_once_its_time_is_over(sink, reader):
    stored(sink)
    url = await signed(reader, life=timedelta(seconds=1))
    async with asyncio.timeout(PATIENCE_S):
        while (await asyncio.to_thread(answered, url))[0] != REFUSED:
            await asyncio.sleep(0.1)  # between two looks


async def test_a_token_signs_nothing(sink, reader, place):
    stored(sink)
    bucket = place.settings
    token = BucketStore(bucket.url, (*bucket.options, ("AZURE_STORAGE_SAS_TOKEN", "sv=2023-11-03&sig=AAAA")))
    assert await type(reader)(token, reader.store_id).signed_url(KEY, timedelta(minutes=1)) is None


async def test_a_container_out_of_reach_is_unavailable(reader, place):
    options = dict(place.settings.options) | {"AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:9/devstoreaccount1"}
    gone = type(reader)(BucketStore(place.settings.url, tuple(options.items())), reader.store_id)
    with pytest.raises(StoreUnavailable):
        await gone.size(KEY)
