"""Texts for PostgreSQL, which does not accept NUL. It is replaced by U+FFFD, the replacement character.

NUL never occurs in names that are looked up. It may occur in messages of failures and in labels, and must not block
anything.
"""

import json
import re
from typing import Any

import sqlalchemy as sa
from psycopg.types.string import StrDumperUnknown
from sqlalchemy.types import TypeDecorator

_ESCAPES = re.compile(r"\\(?:u0000|.)", re.DOTALL)


class TextDumper(StrDumperUnknown):
    """Converts parameters that are texts."""

    def dump(self, obj: str) -> Any:
        """Return the text in the form in which it is sent."""
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


class JsonText(TypeDecorator[str]):
    """JSON that is given as text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002 - its signature
        return value if value is None else _without_nul(value)


def to_json(value: Any) -> str:
    """Return the JSON text of a value for a column of JSON."""
    return "[]" if value == [] else _without_nul(json.dumps(value))


def _without_nul(text: str) -> str:
    return _ESCAPES.sub(_replaced, text) if "\\u0000" in text else text


def _replaced(escape: re.Match[str]) -> str:
    return "\\ufffd" if escape[0] == "\\u0000" else escape[0]
