"""What callers and operators may do, without a database."""

import pytest

from services.api.domain.states import CancelReason, State
from services.api.ports.exports import ExportFilter
from services.api.usecases.downloads import DownloadRequest
from services.contract.codes import FailureCode
from services.contract.errors import (
    ExportNotFound,
    FileChanged,
    FileExpired,
    IllegalTransition,
    InvalidRequest,
    NotQueued,
    PasswordRequired,
    RequestIdReused,
)
from services.contract.outcome import Failure
from tests.ports.samples import SECOND
from tests.unit.usecases.conftest import CONTENT, UseCases

HOPELESS = Failure(FailureCode.COLUMN_MISSING, "there is no such column")


async def test_a_new_export_waits_at_its_place_and_says_that_no_worker_is_there(api: UseCases) -> None:
    first, second = await api.create(), await api.create()
    assert [view.export.state for view in (first, second)] == [State.QUEUED] * 2
    assert [view.queue_position for view in (first, second)] == [1, 2]
    assert not second.worker_there
    assert (await api.exports.get("acme", second.export.id)).queue_position == 2


async def test_a_create_that_is_repeated_makes_one_export_and_another_body_is_refused(api: UseCases) -> None:
    first = await api.create(request_id="order-66", body=b"one")
    assert (await api.create(request_id="order-66", body=b"one")).export == first.export
    with pytest.raises(RequestIdReused):
        await api.create(request_id="order-66", body=b"another")


async def test_validating_keeps_nothing(api: UseCases) -> None:
    with pytest.raises(InvalidRequest):
        await api.create(priority=10)
    assert await api.exports.list("acme", ExportFilter(), "", 10) == ([], "")


async def test_a_list_goes_on_behind_an_export(api: UseCases) -> None:
    made = [(await api.create()).export.id for _ in range(5)]
    first, next_before = await api.exports.list("acme", ExportFilter(), "", 3)
    rest, end = await api.exports.list("acme", ExportFilter(), next_before, 3)
    assert [view.export.id for view in (*first, *rest)] == made[::-1]
    assert [view.queue_position for view in (*first, *rest)] == [5, 4, 3, 2, 1]
    assert end == ""
    assert await api.exports.list("other", ExportFilter(), next_before, 3) == ([], "")


async def test_a_capped_tenant_is_told_why_its_export_waits(api: UseCases) -> None:
    await api.create("capped")
    await api.lease()
    assert (await api.create("capped")).capped
    assert not (await api.create("acme")).capped


async def test_a_cancelled_export_stays_cancelled_for_its_worker_too(api: UseCases) -> None:
    export = (await api.create()).export
    job = await api.lease()
    with pytest.raises(NotQueued):
        await api.exports.cancel("acme", export.id, only_if_queued=True)
    view = await api.exports.cancel("acme", export.id, only_if_queued=False)
    assert (view.export.state, view.export.cancel_reason) == (State.CANCELLED, CancelReason.REQUESTED)
    with pytest.raises(IllegalTransition, match="create it again"):
        await api.exports.retry("acme", export.id, 3, "")
    answer = await api.jobs.heartbeat("worker-1", [], 1, draining=False)
    assert answer.missing == ()
    assert job.lease.export_id == export.id


async def test_an_operators_retry_begins_a_new_run_with_the_password_again(api: UseCases) -> None:
    export = (await api.create(password="sesame")).export
    job = await api.lease()
    assert job.password == "sesame"
    await api.jobs.fail(job.lease, HOPELESS)
    with pytest.raises(PasswordRequired):
        await api.exports.retry("acme", export.id, 2, "")
    view = await api.exports.retry("acme", export.id, 2, "sesame")
    assert (view.export.state, view.export.run, view.export.max_attempts) == (State.QUEUED, 2, 3)
    assert (await api.lease("poll-2")).password == "sesame"


async def test_a_retry_gives_no_password_to_an_export_that_has_none(api: UseCases) -> None:
    export = (await api.create()).export
    await api.jobs.fail((await api.lease()).lease, HOPELESS)
    with pytest.raises(InvalidRequest):
        await api.exports.retry("acme", export.id, 2, "sesame")


async def test_a_deleted_export_is_gone_and_one_that_is_not_done_cannot_be(api: UseCases) -> None:
    export = (await api.create()).export
    with pytest.raises(IllegalTransition):
        await api.exports.delete("acme", export.id)
    await api.exports.cancel("acme", export.id, only_if_queued=True)
    await api.exports.delete("acme", export.id)
    await api.exports.delete("acme", export.id)
    with pytest.raises(ExportNotFound):
        await api.exports.get("acme", export.id)


async def test_a_file_is_read_back_until_its_time_is_over(api: UseCases) -> None:
    export = (await api.create()).export
    job = await api.lease()
    await api.jobs.complete(job.lease, api.built(job))
    download = await api.downloads.open("acme", DownloadRequest(export_id=export.id, offset=4))
    assert await download.reader.read(download.offset, download.end, bytes) == CONTENT[4:]
    await download.reader.close()
    with pytest.raises(FileChanged):
        await api.downloads.open("acme", DownloadRequest(export_id=export.id, if_sha256="cd" * 32))
    api.pass_(export.options.ttl + SECOND)
    with pytest.raises(FileExpired):
        await api.downloads.open("acme", DownloadRequest(export_id=export.id))
