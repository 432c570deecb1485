"""Links as the gate looks them up: from a cache for a second, and unknown ones not too often."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.api.domain.key_texts import written
from services.api.domain.links import DownloadLink, Ticket
from services.api.secrets.keys import KeyDigests, new_token
from services.api.secrets.server_keys import ServerKeys
from services.api.storage.memory.data import MemoryData
from services.api.storage.memory.links import MemoryLinkStore
from services.api.usecases.links import LOOKED_UP_FOR_S, MAX_MISSES, MISSES_A_SECOND, KnownLinks
from services.contract.errors import TooManyLinkTries

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DIGESTS = KeyDigests(ServerKeys.of(bytes(32)))
UNKNOWN = written("exl", "A" * 10, "B" * 40)


class Rig:
    """A store with one link, and the time, which stands still unless a test moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.lookups = 0
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
        return await MemoryLinkStore(self.data).find(link_id)

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


async def test_guessing_is_slowed_down_and_those_who_have_a_link_go_on(rig: Rig) -> None:
    await rig.known.find(rig.token)
    for _ in range(int(MAX_MISSES)):
        assert await rig.known.find(UNKNOWN) is None
    with pytest.raises(TooManyLinkTries):
        await rig.known.find(UNKNOWN)
    assert await rig.known.find(rig.token) is not None
    assert rig.lookups == MAX_MISSES + 1
    rig.seconds += 1
    for _ in range(int(MISSES_A_SECOND)):
        assert await rig.known.find(UNKNOWN) is None
    with pytest.raises(TooManyLinkTries):
        await rig.known.find(UNKNOWN)


async def test_links_that_there_are_do_not_count_as_guesses(rig: Rig) -> None:
    for _ in range(int(MAX_MISSES) - 1):
        await rig.known.find(UNKNOWN)
    for _ in range(3):
        rig.known._known.clear()
        assert await rig.known.find(rig.token) is not None
