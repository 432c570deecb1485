"""Ids by their beginnings, over the wire."""

import pytest

from exportd.v1.export_service_pb2 import FindIdsRequest, IdMatch
from tests.integration.api.conftest import Api, Worker
from tests.integration.api.refusals import refused


async def find(api: Api, prefix: str) -> list[IdMatch]:
    return list((await api.exports.FindIds(FindIdsRequest(prefix=prefix))).matches)


async def test_what_begins_so_is_found_by_kind(api: Api, worker: Worker) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    await worker.complete(job, worker.file(job, b"1\n2\n"))
    export = await api.get(export.id)
    for prefix in (export.id[:4], export.id[:9], export.id[:20].upper(), export.id):
        assert [(m.kind, m.id, m.export_id) for m in await find(api, prefix)] == [
            (IdMatch.KIND_EXPORT, export.id, export.id)
        ]
    (file,) = await find(api, export.file.id[:8])
    assert (file.kind, file.id, file.export_id) == (IdMatch.KIND_FILE, export.file.id, export.id)


async def test_at_most_ten_are_told(api: Api) -> None:
    ids = sorted([(await api.create()).id for _ in range(12)])
    assert [match.id for match in await find(api, ids[0][:4])] == ids[:10]


@pytest.mark.parametrize(
    "prefix", ["", "019", "019g", "msg", "msg_", "msg_abc", "msg_abcg", "'; --", "0" * 37, "00000000%", "0000_000"]
)
async def test_what_is_no_beginning_of_an_id_is_refused(api: Api, prefix: str) -> None:
    assert list((await refused(api.exports.FindIds(FindIdsRequest(prefix=prefix)))).violations) == ["prefix"]
