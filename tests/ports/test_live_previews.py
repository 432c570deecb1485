"""A preview is asked of one process and answered by a worker of another."""

import asyncio
from dataclasses import replace

import pytest

from services.contract.capabilities import Capabilities, requirement_of_preview
from services.contract.codes import FailureCode, WarningCode
from services.contract.errors import InvalidRequest, NoWorker, PreviewFailed, ShuttingDown
from services.contract.outcome import ExportWarning, Failure
from services.contract.preview import Previewed
from services.contract.spec import SourceRef
from tests.patience import PATIENCE_S
from tests.ports.lives import ALL, Lives
from tests.ports.samples import SPEC

SOON_S = 0.05
SHOWN = Previewed(('{"a": "ñ"}', "{}"), 7, (ExportWarning(next(iter(WarningCode)), "of two kinds", 2),))


@pytest.fixture
def taken_within_s() -> float:
    return PATIENCE_S


@pytest.fixture(params=sorted(ALL))
async def lives(request, taken_within_s):
    async with ALL[request.param](taken_within_s) as lives:
        yield lives


async def taken(live):
    preview = await live.preview_desk.take(PATIENCE_S)
    assert preview is not None
    return preview


async def begun(*work):
    """They have begun to wait."""
    tasks = [asyncio.create_task(each) for each in work]
    await asyncio.sleep(0)
    return tasks


async def test_a_worker_of_another_process_answers(lives: Lives) -> None:
    taking, asking = await begun(taken(lives.there), lives.here.preview_desk.show(SPEC, 3))
    preview = await taking
    assert (preview.spec, preview.rows) == (SPEC, 3)
    await lives.there.preview_desk.finish(preview.id, SHOWN)
    assert await asking == SHOWN
    assert lives.here.preview_desk.waiting == 0


async def test_one_who_comes_later_finds_the_question(lives: Lives) -> None:
    (asking,) = await begun(lives.here.preview_desk.show(SPEC, 3))
    preview = await taken(lives.there)
    await lives.there.preview_desk.finish(preview.id, Previewed(("{}",)))
    assert (await asking).rows == ("{}",)


async def test_a_failure_is_told_as_it_is(lives: Lives) -> None:
    taking, asking = await begun(taken(lives.there), lives.here.preview_desk.show(SPEC, 3))
    await lives.there.preview_desk.finish((await taking).id, Failure(FailureCode.SOURCE_UNAVAILABLE, "it is down"))
    with pytest.raises(PreviewFailed) as failed:
        await asking
    assert (failed.value.failure, failed.value.message) == (FailureCode.SOURCE_UNAVAILABLE, "it is down")


async def test_each_question_goes_to_one_worker(lives: Lives) -> None:
    takers = await begun(*(taken(live) for live in (lives.here, lives.there, lives.there)))
    askers = [lives.here, lives.there, lives.here]
    asking = await begun(*(live.preview_desk.show(SPEC, rows) for rows, live in enumerate(askers, 1)))
    previews = await asyncio.gather(*takers)
    assert sorted(each.rows for each in previews) == [1, 2, 3]
    for each in previews:
        await lives.there.preview_desk.finish(each.id, Previewed((str(each.rows),)))
    assert [shown.rows for shown in await asyncio.gather(*asking)] == [("1",), ("2",), ("3",)]


async def test_more_rows_than_were_asked_for_are_refused_and_can_be_answered_again(lives: Lives) -> None:
    (asking,) = await begun(lives.here.preview_desk.show(SPEC, 1))
    preview = await taken(lives.there)
    with pytest.raises(InvalidRequest):
        await lives.there.preview_desk.finish(preview.id, Previewed(("{}", "{}")))
    await lives.there.preview_desk.finish(preview.id, Previewed(("{}",)))
    assert (await asking).rows == ("{}",)


async def test_an_answer_for_which_nobody_waits_is_ignored(lives: Lives) -> None:
    await lives.there.preview_desk.finish("nobody", SHOWN)
    (asking,) = await begun(lives.here.preview_desk.show(SPEC, 3))
    preview = await taken(lives.there)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await lives.there.preview_desk.finish(preview.id, SHOWN)


@pytest.mark.parametrize("taken_within_s", [SOON_S])
async def test_nobody_takes_it_and_the_caller_is_told_soon(lives: Lives) -> None:
    with pytest.raises(NoWorker):
        await lives.here.preview_desk.show(SPEC, 3)
    assert await lives.there.preview_desk.take(0) is None
    assert lives.here.preview_desk.waiting == 0


async def test_a_question_goes_to_a_worker_that_can_answer_it(lives: Lives) -> None:
    other = replace(SPEC, source=SourceRef("flights", "csv"))
    able = Capabilities(requirement_of_preview(other).needs)
    asking = await begun(*(lives.here.preview_desk.show(spec, 3) for spec in (SPEC, other)))
    preview = await lives.there.preview_desk.take(PATIENCE_S, able)
    assert preview is not None
    assert preview.spec == other
    for task in asking:
        task.cancel()


async def test_a_question_goes_to_a_worker_that_may_have_its_tenant(lives: Lives) -> None:
    strange, own = (Capabilities(None, tenants=frozenset({tenant})) for tenant in ("zeta", "acme"))
    (asking,) = await begun(lives.here.preview_desk.show(SPEC, 3, "acme"))
    preview = await lives.there.preview_desk.take(PATIENCE_S, own)
    assert preview is not None
    assert await lives.there.preview_desk.take(0, strange) is None
    await lives.there.preview_desk.finish(preview.id, SHOWN)
    assert await asking == SHOWN
    (asking,) = await begun(lives.here.preview_desk.show(SPEC, 3, "acme"))
    assert await lives.there.preview_desk.take(0.1, strange) is None
    asking.cancel()


async def test_a_worker_that_is_cut_off_takes_nothing_along(lives: Lives) -> None:
    for _ in range(3):
        (cut_off,) = await begun(taken(lives.there))
        (asking,) = await begun(lives.here.preview_desk.show(SPEC, 3))
        cut_off.cancel()
        preview = await taken(lives.there)
        await lives.there.preview_desk.finish(preview.id, SHOWN)
        assert await asking == SHOWN


async def test_whoever_waits_is_sent_away_at_the_end_of_its_process(lives: Lives) -> None:
    (waiting,) = await begun(lives.there.preview_desk.take(PATIENCE_S))
    lives.there.preview_desk.drain()
    with pytest.raises(ShuttingDown):
        await waiting
