"""Specs that are sent to children."""

import pickle
from dataclasses import replace
from multiprocessing.reduction import ForkingPickler

import pytest

from services.contract.spec import JobSpec
from services.worker import sent_specs
from services.worker.order import PreviewOrder
from services.worker.sources.sources import Sources
from services.worker.supervisor import pool
from tests.ports.samples import SPEC


@pytest.fixture(autouse=True)
def _nothing_known() -> None:
    sent_specs._sent.clear()
    sent_specs.known_spec.cache_clear()


def _arrived(spec: JobSpec) -> JobSpec:
    """Return the spec that a child gets."""
    assert pool.Child
    order = PreviewOrder(spec, 10, "r", Sources({}))
    arrived: PreviewOrder = pickle.loads(ForkingPickler.dumps(order))  # noqa: S301 - the own bytes
    assert replace(arrived, spec=spec) == order
    return arrived.spec


def test_a_spec_arrives_unchanged_and_as_the_one_before() -> None:
    first, again, equal, other = (
        _arrived(spec) for spec in (SPEC, SPEC, replace(SPEC), replace(SPEC, collection="Other"))
    )
    assert first == SPEC
    assert first is again
    assert first is equal
    assert other == replace(SPEC, collection="Other")


def test_a_spec_is_pickled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _arrived(SPEC)
    monkeypatch.setattr(sent_specs.pickle, "dumps", None)
    assert _arrived(SPEC) == SPEC


def test_a_large_spec_is_kept_nowhere() -> None:
    large = replace(SPEC, query="x" * sent_specs.MAX_KNOWN_BYTES)
    assert _arrived(large) == large
    assert not sent_specs._sent
    assert not sent_specs.known_spec.cache_info().currsize


def test_few_specs_are_kept() -> None:
    specs = [replace(SPEC, collection=f"C{n}") for n in range(3 * sent_specs.MAX_KNOWN)]
    assert [_arrived(spec) for spec in specs] == specs
    assert len(sent_specs._sent) <= sent_specs.MAX_KNOWN
    assert sent_specs.known_spec.cache_info().currsize <= sent_specs.MAX_KNOWN
