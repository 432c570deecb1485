"""Any verbs in any order, at any time, with answers lost and processes killed: the store does what the model does.

`make proof` runs 2,000 examples of 50 steps; EXPORTD_PROOF=examples,steps says otherwise.
"""

import os

import pytest
from hypothesis import Phase

from tests.ports.defects import PLANTED
from tests.ports.machine import prove
from tests.ports.rigs import RIGS

QUICK = "40,30"

every_store = pytest.mark.parametrize("kind", sorted(RIGS))


@every_store
def test_the_store_does_what_the_model_does(kind: str) -> None:
    asked = os.environ.get("EXPORTD_PROOF", "")
    examples, steps = (int(number) for number in (asked or QUICK).split(","))
    prove(kind, examples, steps, repeatable=not asked)


@pytest.mark.parametrize("defect", PLANTED)
def test_a_planted_defect_does_not_escape_the_machine(defect: str) -> None:
    """What is tested is the machine, which is the same for every store: over the quickest one."""
    with pytest.raises(AssertionError):
        prove("memory", 500, 30, repeatable=True, phases=[Phase.generate], defect=PLANTED[defect])
