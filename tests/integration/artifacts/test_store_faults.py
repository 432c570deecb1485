"""What a store far away does wrong, and what becomes of it: whole files, or an error within bounds."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from services.contract.errors import StoreUnavailable
from services.objects import client, uploads
from services.objects.settings import BucketStore
from services.worker import ports as sinks
from services.worker.artifacts import open_sink
from tests.integration.artifacts.test_bucket import LARGE, reached_at
from tests.integration.artifacts.writers import KEY, LEASE, NAME, content_of, nothing, stored
from tests.servers.unsteady_relay import Fault, UnsteadyRelay, unsteady_relay
from tests.tiers import deep, deep_but

FAULTS = {
    "throttled": Fault(status=503, body=b"<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>"),
    "broken": Fault(status=500, body=b"<Error><Code>InternalError</Code></Error>"),
    "silent": Fault(silent=True),
    "hangs up": Fault(),
    "cut in the request": Fault(takes=100_000),
    "cut in the answer": Fault(gives=200),
}
WHAT_ENDS = ("throttled", "broken", "hangs up")
"""Faults of which one after the other is soon over: a silent store takes its time-out for each."""

pytestmark = pytest.mark.parametrize("place", ["bucket"], indirect=True)


@pytest.fixture
def relay(
    object_store: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[UnsteadyRelay]:
    """In front of the store. Where it keeps silent, a request waits two seconds for its answer."""
    if "silent" in request.node.name:
        monkeypatch.setattr(client, "_REQUEST_S", timedelta(seconds=2))
        monkeypatch.setattr(client, "_STREAM_S", timedelta(seconds=2))
        monkeypatch.setattr(uploads, "_TIMEOUT_S", 2)
    if "ends" in request.node.name:
        monkeypatch.setattr(client, "MAX_RETRIES", 1)
        monkeypatch.setattr(uploads, "_PAUSES_S", (0.1,))
    with unsteady_relay(object_store.endpoint) as relay:
        yield relay


@pytest.fixture
def far(place: Any, relay: UnsteadyRelay) -> BucketStore:
    return reached_at(place.settings, relay.endpoint)


@pytest.fixture
def distant(reader: Any, far: BucketStore) -> Any:
    """The api's store, by the relay."""
    return type(reader)(far, reader.store_id)


@pytest.mark.parametrize("fault", deep_but(FAULTS, "throttled", "cut in the request"))
def test_a_large_file_goes_up_whole(reader, place, relay, far, fault):
    with closing(open_sink(far)) as sink:
        relay.faults = [FAULTS[fault]] * 2
        file = stored(sink, content=LARGE * 2)
    assert relay.faults == []
    assert set(place.names()) == {file.key}  # of an upload whose beginning was not heard an empty one is left
    assert file.size_bytes == len(LARGE) * 2


@deep
@pytest.mark.parametrize("fault", FAULTS)
def test_a_small_file_goes_up_whole(reader, place, relay, far, fault):
    with closing(open_sink(far)) as sink:
        relay.faults = [FAULTS[fault]] * 2
        file = stored(sink)
    assert place.names() == [file.key]


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "cut in the request"])
async def test_a_file_is_read_whole(sink, relay, distant, fault):
    stored(sink, content=LARGE)
    relay.faults = [FAULTS[fault]] * 2
    assert await content_of(distant, KEY) == LARGE
    assert relay.faults == []


async def _listed(store: Any) -> list[Any]:
    return [each async for each in store.prefixes()]


API = {
    "size": lambda store: store.size(KEY),
    "open": lambda store: store.open(KEY),
    "list": _listed,
    "remove": lambda store: store.remove("export-2/lease-1/"),
}


@pytest.mark.parametrize("fault", deep_but(["throttled", "broken", "silent", "hangs up"], "broken"))
@pytest.mark.parametrize("verb", API)
async def test_each_verb_of_the_api_is_tried_again(sink, relay, distant, verb, fault):
    stored(sink)
    relay.faults = [FAULTS[fault]] * (2 if verb not in ("list", "remove") else 1)
    assert await API[verb](distant) is not False
    assert relay.faults == []


@pytest.mark.parametrize("fault", deep_but(WHAT_ENDS, "hangs up"))
@pytest.mark.parametrize("verb", API)
async def test_each_verb_of_the_api_ends(relay, distant, verb, fault):
    relay.faults = [FAULTS[fault]] * 1000
    with pytest.raises(StoreUnavailable):
        await API[verb](distant)
    assert relay.faults


def _written(writer: Any) -> None:
    for _ in range(4):
        writer.write(LARGE)
    writer.close(nothing)


@pytest.mark.parametrize("fault", WHAT_ENDS)
def test_each_verb_of_the_worker_ends(reader, place, relay, far, fault):
    with closing(open_sink(far)) as sink:
        relay.faults = [FAULTS[fault]] * 1000
        with pytest.raises(sinks.StoreUnavailable):
            sink.store_id()
        writer = sink.open(LEASE, NAME)
        with pytest.raises(sinks.StoreUnavailable) as failed:
            _written(writer)
        assert isinstance(failed.value, OSError)
        small = sink.open(LEASE, "small.csv")
        small.write(b"0")
        with pytest.raises(sinks.StoreUnavailable):
            small.close(nothing)
        small.abort()
        writer.abort()
        sink.withdraw(LEASE)  # silently
        assert relay.faults
    assert place.names() == []
