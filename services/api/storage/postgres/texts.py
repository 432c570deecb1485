"""Texts for PostgreSQL, which does not accept NUL. It is replaced by U+FFFD, the replacement character.

NUL never occurs in names that are looked up. It may occur in messages of failures and in labels, and must not block
anything.
"""

from typing import Any

import sqlalchemy as sa
from psycopg.types.string import StrDumperUnknown
from sqlalchemy.types import TypeDecorator

from services.api.storage.sql.column_types import without_nul


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
        return value if value is None else without_nul(value)
