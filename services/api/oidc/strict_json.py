"""JSON as tokens and keys must be: what could be read in two ways is refused."""

import json
from collections.abc import Sequence
from typing import Any, NoReturn

MAX_DIGITS = 30
"""The most digits of a whole number: reading a long one takes long."""


def read_object(data: bytes) -> dict[str, Any]:
    """Return an object.

    Raises ValueError for anything else, for a name that is there twice, NaN and Infinity, and text that is not UTF-8.
    """
    try:
        read = json.loads(
            data.decode("utf-8", "strict"),
            object_pairs_hook=_object,
            parse_constant=_refused,
            parse_int=_whole,
        )
    except RecursionError as deep:
        raise ValueError("it is nested too deeply") from deep
    if not isinstance(read, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - it is about a text
    return read


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a name is there twice")
    return read


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("a number is too long")
    return int(text)


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
