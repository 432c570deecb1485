"""An api whose object store is out of reach: what needs no file goes on, and nothing else is taken for the store."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import obstore
import pytest

from exportd.v1 import export_pb2, export_service_pb2
from services.api.settings import ApiSettings
from services.contract.store import MARKER, marker_of
from services.objects import client, uploads
from services.objects.client import opened
from services.objects.settings import BucketStore
from services.runtime.startup import CannotStart
from tests.integration.api.conftest import Api, serving
from tests.integration.api.refusals import Refusal, refused
from tests.integration.api.test_download_url import BucketWorker
from tests.servers.object_store import bucket_of
from tests.servers.unsteady_relay import UnsteadyRelay, unsteady_relay

CONTENT = b"id,total\r\n" * 1_000
ALL = 1_000_000


@pytest.fixture
def relay(object_store: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[UnsteadyRelay]:
    monkeypatch.setattr(client, "MAX_RETRIES", 0)
    monkeypatch.setattr(uploads, "_PAUSES_S", ())
    with unsteady_relay(object_store.endpoint) as relay:
        yield relay


@pytest.fixture
def bucket(object_store: Any) -> BucketStore:
    """As it is reached without the relay."""
    return bucket_of(object_store)


@pytest.fixture
def settings(settings: ApiSettings, bucket: BucketStore, relay: UnsteadyRelay) -> ApiSettings:
    options = dict(bucket.options) | {"AWS_ENDPOINT_URL": relay.endpoint}
    return replace(settings, artifacts=BucketStore(bucket.url, tuple(options.items())))


@pytest.fixture
async def export(settings: ApiSettings) -> export_pb2.Export:
    """Of an earlier api on the same database."""
    async with serving(settings) as api:
        created = await api.create()
        await BucketWorker(api, settings).build(CONTENT)
        return await api.get(created.id)


async def downloaded(api: Api, file_id: str) -> bytes:
    request = export_service_pb2.DownloadFileRequest(file_id=file_id)
    return b"".join([message.data async for message in api.exports.DownloadFile(request)])


async def refusals(api: Api, file_id: str) -> list[Refusal]:
    """Of all that needs the store."""
    url = api.exports.GetDownloadUrl(export_service_pb2.GetDownloadUrlRequest(file_id=file_id))
    return [await refused(downloaded(api, file_id)), await refused(url)]


async def test_an_api_starts_without_its_store_and_finds_it_again(
    settings: ApiSettings, relay: UnsteadyRelay, export: export_pb2.Export
) -> None:
    relay.refusing = ALL
    relay.hang_up()
    async with serving(settings) as api:
        assert {(each.code, each.reason) for each in await refusals(api, export.file.id)} == {
            ("UNAVAILABLE", "STORE_UNAVAILABLE")
        }
        assert (await api.get(export.id)).file == export.file
        other = await api.create()
        relay.refusing = 0
        assert await downloaded(api, export.file.id) == CONTENT
        await BucketWorker(api, settings).build(CONTENT)
        assert (await api.get(other.id)).state == export_pb2.Export.STATE_COMPLETED


@pytest.mark.parametrize("there", [marker_of("5d9c4d0a-3f0e-4c58-9a5c-5a7b1f6f4c11"), b"", None])
async def test_another_store_in_its_place_is_left_alone(
    settings: ApiSettings, relay: UnsteadyRelay, export: export_pb2.Export, bucket: BucketStore, there: bytes | None
) -> None:
    store = opened(bucket)
    marker = bytes(obstore.get(store, MARKER).bytes())
    relay.refusing = ALL
    relay.hang_up()
    async with serving(settings) as api:
        if there is None:
            obstore.delete(store, MARKER)
        else:
            obstore.put(store, MARKER, there)
        relay.refusing = 0
        assert {each.reason for each in await refusals(api, export.file.id)} == {"STORE_UNAVAILABLE"}
        before = [each["path"] for some in obstore.list(store) for each in some]
        with pytest.raises(Exception, match="did not accept"):
            await api.parts.retention.run_once()
        assert [each["path"] for some in obstore.list(store) for each in some] == before
        obstore.put(store, MARKER, marker)
        assert await downloaded(api, export.file.id) == CONTENT


async def test_a_database_that_knows_no_store_needs_one_to_start(settings: ApiSettings, relay: UnsteadyRelay) -> None:
    relay.refusing = ALL
    with pytest.raises(CannotStart, match="cannot be used"):
        async with serving(settings):
            pass


async def test_a_store_that_refuses_the_keys_is_a_mistake_in_the_settings(
    settings: ApiSettings, export: export_pb2.Export
) -> None:
    assert export.file.size_bytes == len(CONTENT)
    bucket = settings.artifacts
    assert isinstance(bucket, BucketStore)
    options = dict(bucket.options) | {"AWS_SECRET_ACCESS_KEY": "another"}
    wrong = replace(settings, artifacts=BucketStore(bucket.url, tuple(options.items())))
    with pytest.raises(CannotStart, match="cannot be used"):
        async with serving(wrong):
            pass
