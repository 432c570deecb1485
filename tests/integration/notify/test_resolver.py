"""Lookups of names by threads that name servers delay."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.api.notify.addresses import AddressRules
from services.api.notify.callback import CallbackSender
from services.api.notify.resolver import CheckedResolver, LookupLimits
from services.api.notify.schedule import Accepted, Failed, Postponed
from services.api.notify.signing import CallbackSecrets
from services.api.notify.trust import Trust
from services.api.secrets.server_keys import ServerKeys
from tests.integration.notify.conftest import eventually
from tests.integration.notify.samples import LOOPBACK, callback_to
from tests.servers.certificates import usually_trusting
from tests.servers.webhook import Answer, Receiver

PATIENT = LookupLimits(lookup_s=3600, wait_s=3600)
RULES = AddressRules(networks=LOOPBACK, ports=(range(1, 65536),), http=True)


class NameServer:
    """Answers for `good.test` at once, for others when it may."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = threading.Event()

    def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        if host != "good.test":
            self.answers.wait()
        return ["127.0.0.1"]


@contextmanager
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    try:
        yield server
    finally:
        server.answers.set()  # else the threads would outlive the test


@asynccontextmanager
async def sender(resolver: CheckedResolver, timeout_s: float = 60) -> AsyncIterator[CallbackSender]:
    callbacks = CallbackSender(
        RULES,
        CallbackSecrets(ServerKeys.of(b"k" * 32), lambda _: ()),
        lambda: datetime.now(UTC),
        timeout=timedelta(seconds=timeout_s),
        trust=Trust(usually_trusting),
        resolver=resolver,
    )
    async with callbacks:
        yield callbacks


async def sent(
    callbacks: CallbackSender, receiver: Receiver, host: str, tenant: str = "acme"
) -> Accepted | Failed | Postponed:
    return await callbacks.send(replace(callback_to(receiver.url(host=host)), tenant=tenant))


async def test_a_host_and_a_tenant_hold_up_a_few_threads_and_others_are_looked_up(receiver: Receiver) -> None:
    of_host, of_tenant, threads = PATIENT.max_per_host, PATIENT.max_per_tenant, PATIENT.threads
    with name_server() as names:
        async with sender(CheckedResolver(RULES, PATIENT, names)) as callbacks, asyncio.TaskGroup() as group:
            for number in range(2 * threads):
                group.create_task(sent(callbacks, receiver, "slow.test", "one"))
                group.create_task(sent(callbacks, receiver, f"h{number}.test", "many"))
            await eventually(lambda: len(names.asked) == of_host + of_tenant)
            assert await sent(callbacks, receiver, "good.test", "one") == Accepted("204")
            assert await sent(callbacks, receiver, "good.test", "another") == Accepted("204")
            assert names.asked.count("slow.test") == of_host
            assert len(names.asked) == of_host + of_tenant + 2
            names.answers.set()
        assert len(names.asked) == 4 * threads + 2


async def test_a_lookup_is_given_up_in_time_and_its_thread_stays_counted(receiver: Receiver) -> None:
    limits, late = LookupLimits(max_per_host=1, lookup_s=0.1, wait_s=60), Failed("looking up the host's name timed out")
    with name_server() as names:
        async with sender(CheckedResolver(RULES, limits, names)) as callbacks:
            assert await sent(callbacks, receiver, "slow.test") == late
            await eventually(lambda: names.asked == ["slow.test"])  # its thread may begin late
            waiting = asyncio.create_task(sent(callbacks, receiver, "slow.test"))
            await sent(callbacks, receiver, "good.test")
            assert names.asked == ["slow.test", "good.test"]  # the other waits for the thread that was given up
            names.answers.set()
            assert await waiting in (Accepted("204"), late)  # a busy machine may be as slow as a name server
            await eventually(lambda: names.asked == ["slow.test", "good.test", "slow.test"])


async def test_a_lookup_that_finds_no_thread_in_time_is_put_back(receiver: Receiver) -> None:
    limits = LookupLimits(max_per_host=1, lookup_s=60, wait_s=0.1)
    with name_server() as names:
        async with sender(CheckedResolver(RULES, limits, names)) as callbacks:
            first = asyncio.create_task(sent(callbacks, receiver, "slow.test"))
            await eventually(lambda: names.asked == ["slow.test"])
            assert await sent(callbacks, receiver, "slow.test") == Postponed()
            names.answers.set()
            assert await first == Accepted("204")


async def test_the_time_of_a_try_begins_when_its_lookup_begins(receiver: Receiver) -> None:
    receiver.always = Answer(go=(answer := asyncio.Event()))
    with name_server() as names:
        resolver = CheckedResolver(RULES, PATIENT, names)
        async with sender(resolver) as others, sender(resolver, timeout_s=1) as callbacks:
            busy = [asyncio.create_task(sent(others, receiver, "slow.test")) for _ in range(PATIENT.max_per_host)]
            await eventually(lambda: len(names.asked) == PATIENT.max_per_host)
            waiting = asyncio.create_task(sent(callbacks, receiver, "slow.test"))
            await asyncio.sleep(1.5)  # longer than the time of a try
            assert not waiting.done()
            names.answers.set()
            assert await waiting == Failed("timed out")  # now it has begun, and the receiver does not answer
            answer.set()
            assert await asyncio.gather(*busy) == [Accepted("204")] * PATIENT.max_per_host
