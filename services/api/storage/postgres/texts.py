"""Texts that PostgreSQL does not take: none may have the character NUL. It becomes U+FFFD, the replacement character.

It stands in no name that anybody looks for; in messages of failures and in labels it may, and must hold up nobody.
"""

import json
import re
from typing import Any

import sqlalchemy as sa
from psycopg.types.string import StrDumperUnknown
from sqlalchemy.types import TypeDecorator

_ESCAPES = re.compile(r"\\(?:u0000|.)", re.DOTALL)


class TextDumper(StrDumperUnknown):
    """For parameters."""

    def dump(self, obj: str) -> Any:
        """As it is sent."""
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


class JsonText(TypeDecorator[str]):
    """JSON that comes as text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002 - its signature
        return value if value is None else _without_nul(value)


def to_json(value: Any) -> str:
    """For columns of JSON."""
    return _without_nul(json.dumps(value))


def _without_nul(text: str) -> str:
    return _ESCAPES.sub(_replaced, text) if "\\u0000" in text else text


def _replaced(escape: re.Match[str]) -> str:
    return "\\ufffd" if escape[0] == "\\u0000" else escape[0]
