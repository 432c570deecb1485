"""The server's keys: their ring, its written form, and what was sealed and digested with each of them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from services.api.notify.signing import CallbackSecrets
from services.api.secrets import ring_text
from services.api.secrets.digests import Digests
from services.api.secrets.keys import KeyDigests
from services.api.secrets.page_tokens import LASTS, PageTokens
from services.api.secrets.passwords import PasswordKeyUnknown, Passwords
from services.api.secrets.ring import MAX_KEYS, KeyRing, KeyState, RotationRefused, id_of
from services.api.secrets.server_keys import READ_AGAIN_AFTER_S, Again, ServerKeys
from services.contract.errors import InvalidRequest

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
FIRST, SECOND, THIRD = (bytes([number]) * 32 for number in (1, 2, 3))
OLD = KeyRing.of(FIRST)
ADDED = OLD.with_new(SECOND, NOW)
ROTATED = ADDED.with_newest_primary(NOW)
TWICE = ROTATED.with_new(THIRD, NOW).with_newest_primary(NOW)


def states(ring: KeyRing) -> list[tuple[str, KeyState]]:
    return [(key.id, key.state) for key in ring.keys]


def test_a_new_key_seals_only_when_it_is_made_the_primary_one() -> None:
    assert states(ADDED) == [("", KeyState.PRIMARY), (id_of(SECOND), KeyState.NEW)]
    assert states(ROTATED) == [("", KeyState.RETIRED), (id_of(SECOND), KeyState.PRIMARY)]
    assert [key.since for key in ROTATED.keys] == [NOW, NOW]


def test_a_ring_refuses_steps_out_of_order() -> None:
    with pytest.raises(RotationRefused, match="new already"):
        ADDED.with_new(THIRD, NOW)
    with pytest.raises(RotationRefused, match="no new key"):
        ROTATED.with_newest_primary(NOW)
    full = OLD
    for number in range(1, MAX_KEYS):
        full = full.with_new(bytes([40 + number]) * 32, NOW).with_newest_primary(NOW)
    with pytest.raises(RotationRefused, match="8 keys"):
        full.with_new(THIRD, NOW)


def test_only_retired_keys_can_be_removed() -> None:
    assert states(ROTATED.without(["", id_of(SECOND)])) == [(id_of(SECOND), KeyState.PRIMARY)]
    assert ADDED.without(["", id_of(SECOND)]) == ADDED


@pytest.mark.parametrize("ring", [ADDED, ROTATED, TWICE], ids=["added", "rotated", "twice"])
def test_the_written_form_is_read_back(ring: KeyRing) -> None:
    assert ring_text.of_file(ring_text.written(ring).encode()) == ring
    assert ring_text.of_text(ring_text.written(ring)) == ring


def test_a_file_of_version_0_2_is_one_key_without_an_id() -> None:
    assert ring_text.of_file(b"\xfe" * 40) == KeyRing.of(b"\xfe" * 40)
    assert ring_text.of_text("base64:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=") == OLD


WRITTEN = ring_text.written(ROTATED)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "begins neither"),
        ("AQEB", "begins neither"),
        ("base64:AQEB", "has 3 bytes"),
        ("base64:not base64", "must be base64"),
        (f"{ring_text.HEAD}\n", "exactly one key"),
        (WRITTEN.replace("retired", "primary"), "exactly one key"),
        (WRITTEN.replace("primary", "new"), "exactly one key"),
        (WRITTEN.replace("primary", "odd"), "must be new, primary or retired"),
        (WRITTEN.replace("2026-01-31T12:00:00Z", "yesterday"), "the time of a key"),
        (WRITTEN.replace(id_of(SECOND), id_of(THIRD)), "does not fit"),
        (WRITTEN.replace("AgIC", "AgID"), "does not fit"),
        (WRITTEN + WRITTEN.splitlines()[1] + "\n", "each only once"),
        (WRITTEN + "first retired -\n", "has 4 fields"),
    ],
    ids=[
        "empty", "no head", "short", "not base64", "no key", "two primary ones", "no primary one", "odd state",
        "odd time", "another id", "a damaged key", "twice", "a field less",
    ],
)  # fmt: skip
def test_a_damaged_ring_is_refused_and_not_repeated(text: str, why: str) -> None:
    with pytest.raises(ring_text.RingUnreadable, match=why) as refused:
        ring_text.of_text(text)
    assert "AgIC" not in str(refused.value)
    assert "AQEB" not in str(refused.value)


@pytest.mark.parametrize(
    ("sealed_by", "opened_by"),
    [(OLD, ADDED), (OLD, ROTATED), (ADDED, OLD), (ROTATED, ADDED), (ROTATED, TWICE), (OLD, TWICE)],
    ids=["added", "rotated", "back before add", "a process that only knows it", "twice", "first after two"],
)
def test_a_key_opens_what_it_sealed_as_long_as_it_is_known(sealed_by: KeyRing, opened_by: KeyRing) -> None:
    sealing, opening = ServerKeys(sealed_by), ServerKeys(opened_by)
    assert Passwords(opening).opened(Passwords(sealing).sealed("sesame", "e"), "e") == "sesame"
    assert PageTokens(opening, lambda: NOW).opened(PageTokens(sealing, lambda: NOW).sealed("p", b"l"), b"l") == "p"
    assert Digests(opening, b"x").fits(Digests(sealing, b"x").of(b"text"), b"text")
    assert not Digests(opening, b"x").fits(Digests(sealing, b"x").of(b"text"), b"other")


def test_a_password_of_an_unknown_key_says_which_one() -> None:
    sealed = Passwords(ServerKeys(ROTATED)).sealed("sesame", "e")
    with pytest.raises(PasswordKeyUnknown, match=id_of(SECOND)):
        Passwords(ServerKeys(OLD)).opened(sealed, "e")
    resealed = Passwords(ServerKeys(ROTATED)).resealed(Passwords(ServerKeys(OLD)).sealed("sesame", "e"), "e")
    assert Passwords(ServerKeys(ROTATED.without([""]))).opened(resealed, "e") == "sesame"


def test_a_page_token_ends_after_a_day() -> None:
    token = PageTokens(ServerKeys(OLD), lambda: NOW).sealed("p", b"l")
    assert PageTokens(ServerKeys(OLD), lambda: NOW + LASTS).opened(token, b"l") == "p"
    assert PageTokens(ServerKeys(OLD), lambda: NOW - timedelta(hours=1)).opened(token, b"l") == "p"
    with pytest.raises(InvalidRequest):
        PageTokens(ServerKeys(OLD), lambda: NOW + LASTS + timedelta(seconds=1)).opened(token, b"l")


def test_callbacks_are_signed_with_the_new_secret_and_the_old_ones() -> None:
    def of(ring: KeyRing) -> list[bytes]:
        return list(CallbackSecrets(ServerKeys(ring), lambda _: ()).of("acme"))

    (old,), (new, kept) = of(OLD), of(ROTATED)
    assert of(ADDED) == [old] == [kept]
    assert new != old
    assert of(ROTATED.without([""])) == [new]


def test_an_unknown_key_is_looked_for_again_but_not_all_the_time() -> None:
    now, reads = 0.0, 0

    def read() -> KeyRing:
        nonlocal reads
        reads += 1
        if reads == 1:
            raise ValueError
        return ROTATED

    keys = ServerKeys(OLD, Again(read, lambda: now))
    for _ in range(3):
        assert keys.find(id_of(SECOND)) is None
    assert (reads, keys.primary.secret) == (1, FIRST)
    now = READ_AGAIN_AFTER_S
    assert keys.find(id_of(SECOND)) is not None
    assert (reads, keys.primary.secret) == (2, SECOND)


def test_no_repr_shows_a_key() -> None:
    assert repr(SECOND) not in repr(TWICE) + repr(ServerKeys(TWICE))


def test_a_digest_is_outdated_with_a_retired_key_and_not_with_one_that_others_use_already() -> None:
    ahead, behind = KeyDigests(ServerKeys(ROTATED)), KeyDigests(ServerKeys(ADDED))
    old, new = _Stored(behind.of("text")), _Stored(ahead.of("text"))
    assert [each.fits(stored, "text") for each in (ahead, behind) for stored in (old, new)] == [True] * 4
    outdated = [(each, stored) for each in (ahead, behind) for stored in (old, new) if each.is_outdated(stored)]
    assert outdated == [(ahead, old)]


@dataclass(frozen=True)
class _Stored:
    digest: bytes
