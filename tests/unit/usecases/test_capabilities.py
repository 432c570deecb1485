"""Workers that can do some things and not others, that are ill, or that see another store."""

import asyncio
import itertools
from datetime import timedelta

import pytest

from services.api.domain.states import State
from services.api.rpc import encode
from services.contract.capabilities import Capabilities, built_in, reads_rows
from services.contract.codes import FailureCode
from services.contract.errors import StoreMismatch
from services.contract.job import WorkerProblem
from services.contract.outcome import Failure
from tests.patience import PATIENCE_S
from tests.unit.usecases.conftest import WORKER, UseCases

ILL = WorkerProblem("DISK_FULL", "", timedelta())
UNREACHABLE = WorkerProblem("SOURCE_UNREACHABLE", "shop", timedelta())
STRANGER = "11111111-1111-4111-8111-111111111111"


def able(api: UseCases, *names: str, store_id: str = "") -> Capabilities:
    return Capabilities(frozenset({*built_in(), *names}), store_id or api.artifacts.store_id)


SHOP = reads_rows("sql", "shop")
POLLS = itertools.count(1)


async def reason(api: UseCases, export_id: str) -> str:
    shown = encode.export(await api.exports.get("acme", export_id))
    return shown.WaitReason.Name(shown.wait_reason).removeprefix("WAIT_REASON_")


async def poll(api: UseCases, can: Capabilities, worker: str = WORKER) -> list:
    return await api.jobs.lease(worker, f"poll-{next(POLLS)}", 1, 0, can)


async def test_an_export_says_whether_there_is_no_worker_none_that_can_build_it_or_just_others_before_it(
    api: UseCases,
) -> None:
    export = (await api.create()).export
    assert await reason(api, export.id) == "NO_WORKER"
    assert await poll(api, able(api)) == []
    assert await reason(api, export.id) == "NO_CAPABLE_WORKER"
    await api.jobs.heartbeat("worker-2", [], 0, draining=False)  # busy: it has not asked for work yet
    assert await reason(api, export.id) == "QUEUE"


async def test_a_worker_that_gets_a_source_is_handed_what_waits_for_it(api: UseCases) -> None:
    export = (await api.create()).export
    assert await poll(api, able(api)) == []
    (job,) = await poll(api, able(api, SHOP))
    assert job.lease.export_id == export.id


@pytest.mark.parametrize("name", ["spec/1", SHOP, "format/CSV"])
async def test_a_worker_that_lacks_any_name_is_handed_nothing(api: UseCases, name: str) -> None:
    await api.create()
    can = able(api, SHOP)
    assert await poll(api, Capabilities(can.names - {name}, can.store_id)) == []
    assert len(await poll(api, can)) == 1


async def test_a_worker_that_says_nothing_is_taken_to_be_able_to_do_everything(api: UseCases) -> None:
    await api.create()
    assert await api.lease()


async def test_a_worker_that_is_ill_is_handed_nothing_until_it_says_that_it_is_well(api: UseCases) -> None:
    export = (await api.create()).export
    await api.jobs.heartbeat(WORKER, [], 1, draining=False, problems=(ILL,))
    assert await poll(api, able(api, SHOP)) == []
    assert await reason(api, export.id) == "NO_CAPABLE_WORKER"
    await api.jobs.heartbeat(WORKER, [], 1, draining=False)
    assert await reason(api, export.id) == "QUEUE"
    assert len(await poll(api, able(api, SHOP))) == 1


async def test_a_source_that_a_worker_cannot_reach_does_not_keep_it_from_others(api: UseCases) -> None:
    await api.create()
    await api.jobs.heartbeat(WORKER, [], 1, draining=False, problems=(UNREACHABLE,))
    assert len(await poll(api, able(api, SHOP))) == 1


async def test_a_worker_with_another_store_is_refused_and_not_counted_on(api: UseCases) -> None:
    export = (await api.create()).export
    for store_id in (STRANGER, " "):
        with pytest.raises(StoreMismatch, match="EXPORTD_ARTIFACTS"):
            await poll(api, able(api, SHOP, store_id=store_id))
        assert await reason(api, export.id) == "NO_CAPABLE_WORKER"
        (seen,) = await api.workers.present()
        assert not seen.store_matches


@pytest.mark.parametrize(
    "code", [FailureCode.SOURCE_UNKNOWN, FailureCode.SOURCE_UNREACHABLE, FailureCode.STORE_UNAVAILABLE]
)
async def test_what_a_workers_surroundings_failed_waits_for_another_without_a_spent_attempt(
    api: UseCases, code: FailureCode
) -> None:
    export = (await api.create()).export
    assert await poll(api, able(api, SHOP), "worker-2")  # of another export
    await api.create()
    job = await api.lease()
    await api.jobs.fail(job.lease, Failure(code, "why"))
    export = (await api.exports.get("acme", job.lease.export_id)).export
    assert (export.state, export.attempt, export.given_back_by) == (State.QUEUED, 0, WORKER)
    assert await api.jobs.lease(WORKER, "again", 1, 0) == []
    (other,) = await poll(api, able(api, SHOP), "worker-2")
    assert other.lease.export_id == export.id


async def test_an_export_wakes_the_worker_that_can_build_it_and_passes_the_others_over(api: UseCases) -> None:
    unable = asyncio.create_task(api.jobs.lease("worker-1", "p1", 1, 5, able(api)))
    await asyncio.sleep(0)
    capable = asyncio.create_task(api.jobs.lease("worker-2", "p2", 1, 25, able(api, SHOP)))
    while len(await api.workers.able()) < 2:  # both have asked
        await asyncio.sleep(0)
    export = (await api.create()).export
    (job,) = await asyncio.wait_for(capable, PATIENCE_S)
    assert job.lease.export_id == export.id
    assert not unable.done()
    unable.cancel()
