"""Ids as people type them: complete, or a prefix that no other id has."""

import re
from collections.abc import Mapping

from exportd_client import IdMatch, InvalidArgument, NotFound, Violation, name_of
from exportd_client.cli.session import Session

EXPORT, FILE, DELIVERY = IdMatch.KIND_EXPORT, IdMatch.KIND_FILE, IdMatch.KIND_DELIVERY
MIN_PREFIX_CHARACTERS = 4
ID_CHARACTERS = 36
"""The length of a UUID, and of a delivery's id: "msg_" with its digits."""

_UUID_START = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]*")
_DELIVERY_START = re.compile(r"msg_[0-9a-fA-F]*")


async def export_id_of(session: Session, text: str) -> str:
    """Return the id of the export that `text` identifies. Raises NotFound, InvalidArgument."""
    return (await _match(session, text, EXPORT)).id if _is_start(_UUID_START, text) else text


async def delivery_id_of(session: Session, text: str) -> str:
    """Return the id of the delivery that `text` identifies. Raises NotFound, InvalidArgument."""
    return (await _match(session, text, DELIVERY)).id if _is_start(_DELIVERY_START, text) else text


async def export_or_file_of(session: Session, text: str, *, only_file: bool) -> IdMatch:
    """Return the export or the file that `text` identifies. Raises NotFound, InvalidArgument."""
    if not _UUID_START.fullmatch(text):  # the service reports what is wrong with it
        return IdMatch(kind=FILE if only_file else EXPORT, id=text)
    return await _match(session, text, *((FILE,) if only_file else (EXPORT, FILE)))


async def worker_id_of(session: Session, text: str) -> str:
    """Return the id of the recently seen worker that `text` identifies. Raises NotFound, InvalidArgument."""
    if not _is_start(_UUID_START, text):
        return text
    ids = (worker.id for worker in await session.client.operator.workers())
    return _only(text, {id_: f"{id_}  worker" for id_ in ids if id_.startswith(text.lower())}, "worker")


def _is_start(of: re.Pattern[str], text: str) -> bool:
    """Whether `text` is the beginning of an id.

    A complete id needs no search, and mistakes in other texts are reported by the service.
    """
    return len(text) < ID_CHARACTERS and of.fullmatch(text) is not None


async def _match(session: Session, text: str, *kinds: IdMatch.Kind.ValueType) -> IdMatch:
    if len(text.removeprefix("msg_")) < MIN_PREFIX_CHARACTERS:
        raise _refused(f"{text!r} is too short: give at least {MIN_PREFIX_CHARACTERS} characters of an id")
    matches = {each.id: each for each in await session.client.find_ids(text.lower()) if each.kind in kinds}
    what = " or ".join(_word(kind) for kind in kinds)
    return matches[_only(text, {id_: _described(match) for id_, match in matches.items()}, what)]


def _only(text: str, candidates: Mapping[str, str], what: str) -> str:
    """Return the only id in `candidates`, which maps ids to their descriptions. Raises NotFound, InvalidArgument."""
    if not candidates:
        raise NotFound(f"no {what} has an id that begins with {text!r}")
    if len(candidates) > 1:
        raise _refused(f"{text!r} matches more than one id; type more of it:", *candidates.values())
    return next(iter(candidates))


def _refused(*lines: str) -> InvalidArgument:
    return InvalidArgument(lines[0], violations=[Violation("", line) for line in lines])


def _described(match: IdMatch) -> str:
    of = f" of export {match.export_id}" if match.kind != EXPORT else ""
    return f"{match.id}  {_word(match.kind)}{of}"


def _word(kind: IdMatch.Kind.ValueType) -> str:
    return "notification" if kind == DELIVERY else name_of(IdMatch.Kind, kind).lower()
