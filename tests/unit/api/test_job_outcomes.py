"""What became of each job of a call for several."""

import asyncio

from services.api.rpc.queue.completions import outcome_to_pb, outcomes_of
from services.contract.errors import ExportdError, Internal, LeaseLost, Overloaded


async def _ends(raised: BaseException | None) -> None:
    if raised is not None:
        raise raised


async def _of(*raised: BaseException | None) -> list[ExportdError | None]:
    return await outcomes_of([_ends(each) for each in raised])


async def test_what_one_raises_is_its_own() -> None:
    short = OSError(24, "Too many open files")
    outcomes = await _of(None, LeaseLost("e1"), ValueError("a defect"), asyncio.CancelledError(), short, None)
    assert outcomes == [None, LeaseLost("e1"), Internal(""), Internal(""), Overloaded(), None]


async def test_an_outcome_has_reason_message_and_metadata() -> None:
    outcome = outcome_to_pb(LeaseLost("e1"))
    assert (outcome.reason, dict(outcome.metadata)) == ("LEASE_LOST", {"export_id": "e1"})
    assert outcome.message == str(LeaseLost("e1"))
    assert outcome_to_pb(None).reason == ""
