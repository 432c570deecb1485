"""Lookups of names by threads that name servers hold up."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.api.notify import resolver as resolver_module
from services.api.notify.addresses import AddressRules
from services.api.notify.callback import CallbackSender
from services.api.notify.resolver import MAX_LOOKUPS_PER_HOST, MAX_LOOKUPS_PER_TENANT, THREADS, CheckedResolver
from services.api.notify.schedule import Accepted, Failed, Postponed
from services.api.notify.signing import CallbackSecrets
from tests.integration.notify.conftest import eventually
from tests.integration.notify.samples import LOOPBACK, callback_to
from tests.servers.webhook import Receiver

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
async def sender(names: NameServer | CheckedResolver, timeout_s: float = 60) -> AsyncIterator[CallbackSender]:
    callbacks = CallbackSender(
        RULES,
        CallbackSecrets(b"k" * 32, {}),
        lambda: datetime.now(UTC),
        timeout=timedelta(seconds=timeout_s),
        tls=ssl.create_default_context(),
        resolver=names if isinstance(names, CheckedResolver) else CheckedResolver(RULES, names),
    )
    async with callbacks:
        yield callbacks


async def sent(
    callbacks: CallbackSender, receiver: Receiver, host: str, tenant: str = "acme"
) -> Accepted | Failed | Postponed:
    return await callbacks.send(replace(callback_to(receiver.url(host=host)), tenant=tenant))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOKUP_S", "WAIT_S"):
        monkeypatch.setattr(resolver_module, name, 3600)


@pytest.mark.usefixtures("patient")
async def test_a_host_and_a_tenant_hold_up_a_few_threads_and_others_are_looked_up(receiver: Receiver) -> None:
    with name_server() as names:
        async with sender(names) as callbacks, asyncio.TaskGroup() as group:
            for number in range(2 * THREADS):
                group.create_task(sent(callbacks, receiver, "slow.test", "one"))
                group.create_task(sent(callbacks, receiver, f"h{number}.test", "many"))
            await eventually(lambda: len(names.asked) == MAX_LOOKUPS_PER_HOST + MAX_LOOKUPS_PER_TENANT)
            assert await sent(callbacks, receiver, "good.test", "one") == Accepted("204")
            assert await sent(callbacks, receiver, "good.test", "another") == Accepted("204")
            assert names.asked.count("slow.test") == MAX_LOOKUPS_PER_HOST
            assert len(names.asked) == MAX_LOOKUPS_PER_HOST + MAX_LOOKUPS_PER_TENANT + 2
            names.answers.set()
        assert len(names.asked) == 4 * THREADS + 2


async def test_a_lookup_is_given_up_in_time_and_its_thread_stays_counted(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOOKUP_S", "WAIT_S"):
        monkeypatch.setattr(resolver_module, name, 0.1)
    with name_server() as names:
        async with sender(names) as callbacks:
            slow = [sent(callbacks, receiver, "slow.test") for _ in range(MAX_LOOKUPS_PER_HOST)]
            late = Failed("looking up the host's name timed out")
            assert await asyncio.gather(*slow) == [late] * MAX_LOOKUPS_PER_HOST
            assert await sent(callbacks, receiver, "slow.test") == Postponed()
            await eventually(lambda: names.asked == ["slow.test"] * MAX_LOOKUPS_PER_HOST)  # threads may begin late
            names.answers.set()
            monkeypatch.setattr(resolver_module, "WAIT_S", 60)
            monkeypatch.setattr(resolver_module, "LOOKUP_S", 60)
            assert await sent(callbacks, receiver, "slow.test") == Accepted("204")


@pytest.mark.usefixtures("patient")
async def test_the_time_of_a_try_begins_when_its_lookup_begins(receiver: Receiver) -> None:
    with name_server() as names:
        resolver = CheckedResolver(RULES, names)
        async with sender(resolver) as others, sender(resolver, timeout_s=1) as callbacks:
            busy = [asyncio.create_task(sent(others, receiver, "slow.test")) for _ in range(MAX_LOOKUPS_PER_HOST)]
            await eventually(lambda: len(names.asked) == MAX_LOOKUPS_PER_HOST)
            waiting = asyncio.create_task(sent(callbacks, receiver, "slow.test"))
            await asyncio.sleep(1.5)  # longer than the time of a try
            assert not waiting.done()
            callbacks._timeout_s = 60  # once it begins, a busy machine has time for it
            names.answers.set()
            assert await asyncio.gather(waiting, *busy) == [Accepted("204")] * (1 + MAX_LOOKUPS_PER_HOST)
