"""The written form of a key ring, in a file, a variable or the output of a command.

The first line is `exportd-keys 1`. Each other line is a key: its id, its state, the time of that state, and its bytes
in base64. The id of the key that was in a file without ids is `first`.
"""

import base64
import binascii
from datetime import UTC, datetime

from services.api.secrets.ring import KEY_BYTES, MAX_KEYS, UNNAMED, KeyRing, KeyState, ServerKey, id_of

HEAD = "exportd-keys 1"
BASE64 = "base64:"
MAX_RING_BYTES = 64 << 10

_FIRST = "first"
_NO_TIME = "-"
_FIELDS = 4


class RingUnreadable(ValueError):
    """The text is not a key ring. The message contains no part of it."""


def of_file(content: bytes) -> KeyRing:
    """Return the keys in the content of a file: a ring, or else the bytes of one key. Raises RingUnreadable."""
    if content.startswith(HEAD.encode()):
        return of_text(_decoded(content))
    return KeyRing.of(_long_enough(content))


def of_text(text: str) -> KeyRing:
    """Return the keys in a text: a ring, or `base64:` and the bytes of one key in base64. Raises RingUnreadable."""
    head, *lines = text.strip().splitlines() or [""]
    if head.startswith(BASE64) and not lines:
        return KeyRing.of(_long_enough(_bytes(head.removeprefix(BASE64))))
    if head.strip() != HEAD:
        raise RingUnreadable(f"it begins neither with the line `{HEAD}` nor with `{BASE64}`")
    ring = KeyRing(tuple(_key(line) for line in lines if line.strip()))
    _check(ring)
    return ring


def written(ring: KeyRing) -> str:
    """Return the text of a ring."""
    return "".join(f"{line}\n" for line in (HEAD, *map(_line, ring.keys)))


def _line(key: ServerKey) -> str:
    since = key.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if key.since else _NO_TIME
    return f"{key.id or _FIRST} {key.state.value} {since} {base64.b64encode(key.secret).decode()}"


def _key(line: str) -> ServerKey:
    fields = line.split()
    if len(fields) != _FIELDS:
        raise RingUnreadable(f"the line of a key has {_FIELDS} fields: its id, its state, a time, and its bytes")
    name, state, since, text = fields
    secret = _long_enough(_bytes(text))
    if name not in (_FIRST, id_of(secret)):
        raise RingUnreadable("the id of a key does not fit its bytes: one of both is damaged")
    return ServerKey(UNNAMED if name == _FIRST else name, secret, _state(state), _time(since))


def _check(ring: KeyRing) -> None:
    if sum(key.state is KeyState.PRIMARY for key in ring.keys) != 1:
        raise RingUnreadable("exactly one key must be the primary one")
    if len({key.id for key in ring.keys}) < len(ring.keys) or len(ring.keys) > MAX_KEYS:
        raise RingUnreadable(f"there must be at most {MAX_KEYS} keys, each only once")


def _state(text: str) -> KeyState:
    try:
        return KeyState(text)
    except ValueError:
        raise RingUnreadable("the state of a key must be new, primary or retired") from None


def _time(text: str) -> datetime | None:
    if text == _NO_TIME:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise RingUnreadable("the time of a key must be like 2026-01-31T12:00:00Z, or -") from None


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise RingUnreadable("a key must be base64") from None


def _long_enough(secret: bytes) -> bytes:
    if len(secret) < KEY_BYTES:
        raise RingUnreadable(f"a key has {len(secret)} bytes and needs at least {KEY_BYTES} random ones")
    return secret


def _decoded(content: bytes) -> str:
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise RingUnreadable("a key ring is ASCII text") from None
