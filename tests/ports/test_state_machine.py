"""Any verbs in any order, at any time, with answers lost and processes killed: the store does what the model does.

`make proof` runs 2,000 examples of 50 steps; EXPORTD_PROOF=examples,steps says otherwise.
"""

import pytest
from hypothesis import Phase

from tests.budget import PROOF
from tests.ports.defects import PLANTED
from tests.ports.machine import prove
from tests.ports.rigs import RIGS
from tests.tiers import deep_but

pytestmark = pytest.mark.proof

QUICK = {"memory": "40,30", "postgres": "8,30", "sqlite": "12,30"}
"""A database takes several times as long as memory, one that is asked over a socket even more."""

RARE = {"a worker that gets again what it gave back", "release without its fence", "a late word on a delivery"}
"""Defects that take hundreds of examples until they show."""

TRIED = [defect for defect in PLANTED if PROOF or defect not in RARE]


@pytest.mark.parametrize("kind", deep_but(sorted(RIGS), "sqlite"))
def test_the_store_does_what_the_model_does(kind: str) -> None:
    examples, steps = (int(number) for number in (PROOF or QUICK[kind]).split(","))
    prove(kind, examples, steps, repeatable=not PROOF)


@pytest.mark.parametrize("kind", sorted(RIGS) if PROOF else ["memory"])
@pytest.mark.parametrize("defect", deep_but(TRIED, *TRIED[:3]))
def test_a_planted_defect_does_not_escape_the_machine(defect: str, kind: str) -> None:
    """What is tested is the machine, which is the same for every store: over the quickest one, but in `make proof`."""
    with pytest.raises(AssertionError):
        prove(kind, 500, 30, repeatable=True, phases=[Phase.generate], defect=PLANTED[defect])
