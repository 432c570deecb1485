"""Bytes as messages, against both ports with credentials: each is refused as invalid, or answered; none is a defect."""

import random
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from services.api.domain.keys import Holder, Scope
from services.api.settings import ApiSettings
from services.api.usecases.keys import Keys, NewKey
from services.api.world import World
from tests.budget import PROOF
from tests.integration.api.conftest import Api, Clock, serving
from tests.integration.api.refusals import refused
from tests.integration.api.test_hostile_workers import sound
from tests.integration.api.test_isolation import strange
from tests.integration.api.test_keys import METHODS as OF_CALLERS
from tests.integration.api.test_keys import keys
from tests.tiers import deep

pytestmark = deep

__all__ = ["keys"]
SEED = 20261129
MESSAGES = 6
"""For each method."""

MESSAGES_IN_PROOF = 400
TIMEOUT_S = 5.0
"""Calls that wait for something are cut off after it, or sooner: a poll is answered this long before it."""

OF_WORKERS = {
    f"/exportd.queue.v1.JobQueueService/{method.name}": method
    for method in queue_pb2.DESCRIPTOR.services_by_name["JobQueueService"].methods
}
DEFECTS = {"INTERNAL", "UNKNOWN", "DATA_LOSS", "UNIMPLEMENTED"}


@pytest.fixture
async def api(settings: ApiSettings, clock: Clock) -> AsyncIterator[Api]:
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as served:
        yield served


def changed(data: bytes, dice: random.Random) -> bytes:
    """The bytes with some of them changed, cut out, doubled or put between."""
    out = bytearray(data or dice.randbytes(8))
    for _ in range(dice.randint(1, 4)):
        at, size = dice.randrange(len(out) + 1), dice.randint(1, 6)
        match dice.randrange(4):
            case 0:
                out[at : at + size] = dice.randbytes(size)
            case 1:
                del out[at : at + size]
            case 2:
                out[at:at] = out[at : at + size] * dice.randint(1, 50)
            case _:
                out[at:at] = bytes([0xFF] * size)
    return bytes(out)


def messages(name: str, count: int) -> Iterator[bytes]:
    dice = random.Random(f"{SEED} {name}")
    if name in OF_WORKERS:
        job = queue_pb2.Job(export_id=str(uuid4()), lease_id="0" * 32, artifact_prefix=f"{uuid4()}/{'0' * 32}/")
        seeds = [sound(OF_WORKERS[name].name, job, str(uuid4())).SerializeToString()]
    else:
        some = list(strange(OF_CALLERS[name].input_type))
        seeds = [each.SerializeToString() for each in dice.sample(some, min(20, len(some)))]
        seeds.append(GetMessageClass(OF_CALLERS[name].input_type)().SerializeToString())
    for _ in range(count):
        yield dice.randbytes(dice.randrange(200)) if dice.random() < 0.2 else changed(dice.choice(seeds), dice)


@pytest.mark.proof
@pytest.mark.parametrize("name", sorted({**OF_CALLERS, **OF_WORKERS}))
async def test_no_bytes_are_a_defect(api: Api, keys: Keys, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, key = await keys.create(NewKey(Holder.CALLER, "acme", scopes=frozenset(Scope), all_tenants=True))
    _, token = await keys.create(NewKey(Holder.WORKER))
    of_workers = name in OF_WORKERS
    metadata = [("authorization", f"Bearer {token if of_workers else key}")]
    streams = {**OF_CALLERS, **OF_WORKERS}[name].server_streaming
    count = MESSAGES_IN_PROOF if PROOF else MESSAGES
    async with grpc.aio.insecure_channel(api.queue_target if of_workers else api.target) as channel:
        method = (channel.unary_stream if streams else channel.unary_unary)(name)
        for data in messages(name, count):
            call = method(data, metadata=metadata, timeout=TIMEOUT_S)
            try:
                await (call.read() if streams else call)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                    refusal = await refused(_raised(error))
                    assert refusal.code not in DEFECTS, data
            finally:
                call.cancel()
    said = capsys.readouterr()
    assert "call_failed" not in said.out + said.err


async def _raised(error: grpc.aio.AioRpcError) -> None:
    raise error
