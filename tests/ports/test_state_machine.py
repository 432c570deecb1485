"""Any verbs in any order, at any time, with answers lost and processes killed: the store does what the model does.

`make proof` runs 2,000 examples of 50 steps; EXPORTD_PROOF=examples,steps says otherwise.
"""

import os
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from hypothesis import Phase

from services.api.domain.fairness import Fairness
from services.api.domain.states import Event
from services.api.storage.sql import history, outbox_verbs, turns, worker_verbs
from services.api.storage.sql import transitions as changes
from tests.ports.machine import prove

QUICK = "40,30"


def test_the_store_does_what_the_model_does() -> None:
    asked = os.environ.get("EXPORTD_PROOF", "")
    examples, steps = (int(number) for number in (asked or QUICK).split(","))
    prove(examples, steps, repeatable=not asked)


# ---- the machine itself: a defect that is planted does not escape it


def _without(change: sa.Update, guard: str) -> sa.Update:
    """The same UPDATE with a guard left out."""
    careless = change._clone()
    careless._where_criteria = tuple(each for each in change._where_criteria if guard not in str(each))
    assert len(careless._where_criteria) < len(change._where_criteria)
    return careless


def _uncapped(line):
    return lambda db, _, now: line(db, Fairness(), now)


PLANTED: dict[str, tuple[object, str, Callable[[], object]]] = {
    "complete without its fence": (changes, "COMPLETE", lambda: _without(changes.COMPLETE, "lease_id")),
    "fail without its fence": (changes, "FAIL", lambda: _without(changes.FAIL, "lease_id")),
    "release without its fence": (changes, "RELEASE", lambda: _without(changes.RELEASE, "lease_id")),
    "a poll that is not known again": (worker_verbs, "_of_poll", lambda: worker_verbs._of_poll.where(sa.false())),
    "an end that is not announced": (history, "ENDINGS", lambda: history.ENDINGS - {Event.GIVE_UP}),
    "a cap that is not heeded": (turns, "_line", lambda: _uncapped(turns._line)),
    "a late word on a delivery": (outbox_verbs, "_end", lambda: _without(outbox_verbs._end, "lease_id")),
}


@pytest.mark.parametrize("defect", PLANTED)
def test_a_planted_defect_is_found(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, planted = PLANTED[defect]
    monkeypatch.setattr(module, name, planted())
    with pytest.raises((AssertionError, sa.exc.IntegrityError)):  # the rows have rules of their own
        prove(500, 30, repeatable=True, phases=[Phase.generate])
