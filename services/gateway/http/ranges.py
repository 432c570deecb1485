"""Ranges and conditions of a download, RFC 9110."""

import re
from dataclasses import dataclass

from aiohttp import web

_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*")
_TAG = re.compile('(?:W/)?"([^"]*)"|([*])')


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file: `length` bytes from `offset` on."""

    offset: int
    length: int


class Unsatisfiable(Exception):
    """No byte of the range is in the file."""


def part_of(request: web.Request, tag: str, size: int) -> Part | None:
    """Return the part that is asked for; None for the whole file.

    Several ranges, or none that is understood, are answered with the whole file, as is a range of another file than
    that of If-Range. Raises Unsatisfiable.
    """
    found = _RANGE.fullmatch(",".join(request.headers.getall("Range", [])))
    if not found or request.method != "GET" or not size or not _is_of(request.headers.get("If-Range"), tag):
        return None
    first, last = found.groups()
    if not first:
        return _last_bytes(last, size)
    if last and int(last) < int(first):
        return None
    return _from(int(first), int(last) if last else size - 1, size)


def _last_bytes(count: str, size: int) -> Part | None:
    if not count:
        return None
    length = min(int(count), size)
    if not length:
        raise Unsatisfiable
    return Part(size - length, length)


def _from(first: int, last: int, size: int) -> Part:
    if first >= size:
        raise Unsatisfiable
    return Part(first, min(last, size - 1) - first + 1)


def _is_of(condition: str | None, tag: str) -> bool:
    """Whether If-Range, if it is there, names this file. A date never does: there is no Last-Modified."""
    return condition is None or condition.strip() == f'"{tag}"'


def is_known(request: web.Request, tag: str) -> bool:
    """Whether the caller has the file already, by If-None-Match."""
    return _names(request.headers.getall("If-None-Match", []), tag)


def is_another(request: web.Request, tag: str) -> bool:
    """Whether the caller wants another file than the present one, by If-Match."""
    wanted = request.headers.getall("If-Match", [])
    strong = [each for each in wanted if not each.strip().startswith("W/")]
    return bool(wanted) and not _names(strong, tag)


def _names(conditions: list[str], tag: str) -> bool:
    tags = {found[1] or found[2] for text in conditions for found in _TAG.finditer(text)}
    return bool(tags & {tag, "*"})
