"""An export that cannot be read ends, and delays nobody who waits behind it."""

import sqlite3
from contextlib import closing

import pytest

from exportd.v1 import export_pb2
from services.api.settings import ApiSettings
from tests.integration.api.conftest import Worker, serving


@pytest.mark.parametrize("stored", [b"\xff", b"", b"\x12\x06\x0a\x04shop"])
async def test_what_another_version_stored_ends_its_export_while_others_go_on(
    settings: ApiSettings, stored: bytes
) -> None:
    async with serving(settings) as api:
        lost = await api.create()
        kept = await api.create()
    with closing(sqlite3.connect(settings.data_dir / "exportd.sqlite3")) as database, database:
        assert database.execute("UPDATE exports SET spec = ? WHERE id = ?", (stored, lost.id)).rowcount == 1
    async with serving(settings) as api:
        (job,) = await Worker(api).lease(wait_s=5)
        assert job.export_id == kept.id
        ended = await api.get(lost.id)
        assert ended.cancel_reason == export_pb2.Export.CANCEL_REASON_NOT_RETRYABLE
        assert [error.code for error in ended.result.errors] == ["SPEC_UNREADABLE"]
