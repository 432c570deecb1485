"""Links as the gate looks them up: from a cache for a second, and few at a time."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.api.domain.key_texts import written
from services.api.domain.links import DownloadLink, Ticket
from services.api.secrets.keys import KeyDigests, new_token
from services.api.secrets.server_keys import ServerKeys
from services.api.storage.memory.data import MemoryData
from services.api.storage.memory.links import MemoryLinkStore
from services.api.usecases.links import LOOKED_UP_FOR_S, LOOKUPS_AT_ONCE, MAX_LOOKUPS_WAITING, KnownLinks
from services.contract.errors import TooManyLinkTries

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DIGESTS = KeyDigests(ServerKeys.of(bytes(32)))
UNKNOWN = written("exl", "A" * 10, "B" * 40)


class Rig:
    """A store with one link, and the time, which stands still unless a test moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.lookups = self.at_once = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.token = new_token()
        self.data = MemoryData()
        id_ = self.token[4:14]
        self.link = DownloadLink(id_, "acme", "e", "f", DIGESTS.of(self.token), NOW, NOW + timedelta(hours=1))
        self.data.links[id_] = self.link
        self.known = KnownLinks(self, DIGESTS, self.clock, lambda: self.seconds)  # type: ignore[arg-type]

    def clock(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    async def find(self, link_id: str) -> DownloadLink | None:
        self.lookups += 1
        self.at_once += 1
        try:
            await self.answers.wait()
            return await MemoryLinkStore(self.data).find(link_id)
        finally:
            self.at_once -= 1

    async def until_waiting(self, count: int) -> None:
        while self.at_once < count:
            await asyncio.sleep(0)

    def ticket(self, ends: datetime) -> str:
        body = Ticket.body(self.link.id, ends)
        return body + DIGESTS.of(body).hex()


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_link_is_looked_up_once_a_second(rig: Rig) -> None:
    for _ in range(5):
        shown = await rig.known.find(rig.token)
        assert shown is not None
        assert (shown.link, shown.by_ticket) == (rig.link, False)
    assert rig.lookups == 1
    rig.data.links[rig.link.id] = replace(rig.link, revoke_time=NOW)
    assert await rig.known.find(rig.token) is not None
    rig.seconds += LOOKED_UP_FOR_S
    assert await rig.known.find(rig.token) is None
    assert not await rig.known.stands(rig.token)


@pytest.mark.parametrize("text", ["", "exl_", "x" * 200, "\0", "ключ", UNKNOWN[:-1] + "0", "exd" + UNKNOWN[3:]])
async def test_a_text_that_is_no_link_is_not_looked_up(rig: Rig, text: str) -> None:
    assert await rig.known.find(text) is None
    assert rig.lookups == 0


async def test_a_ticket_is_one_until_it_ends_and_its_download_may_go_on(rig: Rig) -> None:
    text = rig.ticket(NOW + timedelta(minutes=1))
    shown = await rig.known.find(text)
    assert shown is not None
    assert (shown.link, shown.by_ticket) == (rig.link, True)
    rig.seconds = 60
    assert await rig.known.find(text) is None
    assert await rig.known.stands(text)
    rig.seconds = 3600
    assert not await rig.known.stands(text)


async def test_a_ticket_that_was_not_issued_here_is_not_looked_up(rig: Rig) -> None:
    text = rig.ticket(NOW + timedelta(minutes=1))
    later = Ticket.body(rig.link.id, NOW + timedelta(days=9)) + text[-64:]
    for forged in (later, text[:-1] + ("0" if text[-1] != "0" else "1"), "ext_" + "A" * 10 + "f" * 74):
        assert await rig.known.find(forged) is None
    assert rig.lookups == 0


async def test_those_who_have_a_link_wait_while_others_guess(rig: Rig) -> None:
    rig.answers.clear()
    guesses = [asyncio.create_task(rig.known.find(UNKNOWN)) for _ in range(LOOKUPS_AT_ONCE + MAX_LOOKUPS_WAITING - 1)]
    await rig.until_waiting(LOOKUPS_AT_ONCE)
    shown = asyncio.create_task(rig.known.find(rig.token))
    await asyncio.sleep(0)  # it takes its place behind them
    with pytest.raises(TooManyLinkTries):
        await rig.known.find(UNKNOWN)
    assert rig.at_once == LOOKUPS_AT_ONCE
    rig.answers.set()
    assert {await guess for guess in guesses} == {None}
    assert await shown is not None
    assert await rig.known.find(UNKNOWN) is None


async def test_who_leaves_the_line_makes_room(rig: Rig) -> None:
    rig.answers.clear()
    guesses = [asyncio.create_task(rig.known.find(UNKNOWN)) for _ in range(LOOKUPS_AT_ONCE + MAX_LOOKUPS_WAITING)]
    await rig.until_waiting(LOOKUPS_AT_ONCE)
    for guess in guesses:
        guess.cancel()
    await asyncio.gather(*guesses, return_exceptions=True)
    rig.answers.set()
    assert await rig.known.find(rig.token) is not None
