import asyncio
from dataclasses import replace

import pytest

from services.api.live.preview_desk import LocalPreviewDesk
from services.api.world import World
from services.contract.capabilities import Capabilities, requirement_of_preview
from services.contract.errors import NoWorker, ShuttingDown
from services.contract.preview import Previewed
from services.contract.spec import SourceRef
from tests.patience import PATIENCE_S
from tests.ports.samples import SPEC


def desk(taken_within_s: float = 60) -> LocalPreviewDesk:
    """By default with time for a busy machine."""
    return LocalPreviewDesk(World().new_id, taken_within_s=taken_within_s, answered_within_s=60)


async def test_a_worker_that_is_cut_off_as_it_wakes_takes_nothing_along() -> None:
    preview_desk = desk()
    cut_off, sound = asyncio.create_task(preview_desk.take(30)), asyncio.create_task(preview_desk.take(30))
    await asyncio.sleep(0)  # both stand in line
    asking = asyncio.create_task(preview_desk.show(SPEC, 3))
    await asyncio.sleep(0)  # it has told them
    cut_off.cancel()
    taken = await asyncio.wait_for(sound, PATIENCE_S)
    assert taken is not None
    await preview_desk.finish(taken.id, Previewed(("{}",)))
    assert (await asking).rows == ("{}",)


async def test_each_question_goes_to_one_worker() -> None:
    preview_desk = desk()
    takers = [asyncio.create_task(preview_desk.take(30)) for _ in range(3)]
    await asyncio.sleep(0)  # they stand in line
    asking = [asyncio.create_task(preview_desk.show(SPEC, rows)) for rows in (1, 2, 3)]
    taken = await asyncio.gather(*takers)
    assert sorted(each.rows for each in taken) == [1, 2, 3]
    for each in taken:
        await preview_desk.finish(each.id, Previewed((str(each.rows),)))
    assert [shown.rows for shown in await asyncio.gather(*asking)] == [("1",), ("2",), ("3",)]


async def test_nobody_takes_it_and_the_caller_is_told_soon() -> None:
    preview_desk = desk(taken_within_s=0.01)
    with pytest.raises(NoWorker):
        await preview_desk.show(SPEC, 3)
    assert await preview_desk.take(0) is None


async def test_whoever_waits_is_sent_away_at_the_end() -> None:
    preview_desk = desk()
    waiting = asyncio.create_task(preview_desk.take(30))
    await asyncio.sleep(0)  # it stands in line
    preview_desk.drain()
    with pytest.raises(ShuttingDown):
        await asyncio.wait_for(waiting, PATIENCE_S)


async def test_a_question_goes_to_a_worker_that_can_answer_it_and_holds_nobody_up() -> None:
    preview_desk = desk()
    other = replace(SPEC, source=SourceRef("flights", "csv"))
    unable, able = (Capabilities(requirement_of_preview(spec).needs) for spec in (other, SPEC))
    asking = [asyncio.create_task(preview_desk.show(spec, 3)) for spec in (SPEC, other)]
    await asyncio.sleep(0)  # they stand in line, SPEC first
    taken = [await preview_desk.take(0, can) for can in (unable, unable, able)]
    assert [each.spec.source.id if each else None for each in taken] == ["flights", None, "cfdi"]
    for task in asking:
        task.cancel()
