"""How times, durations and lists are stored, in the same way in every database."""

import json
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from services.contract.identity import MadeOnce

MAX_OBJECTS_KNOWN = 128
MAX_KNOWN_CHARACTERS = 8192
"""The length of the longest text whose object is cached."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

_ESCAPES = re.compile(r"\\(?:u0000|.)", re.DOTALL)


def to_micros(moment: datetime) -> int:
    """Return the microseconds since 1970 UTC of a time, which must have a time zone."""
    return (moment - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the time in UTC."""
    return EPOCH + micros * MICROSECOND


def _micros_of(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment)


class UtcTime(TypeDecorator[datetime]):
    """A time, stored as integer microseconds since 1970 UTC."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002  # its signature
        return _micros_of(value)

    def bind_processor(self, dialect: sa.Dialect) -> Any:  # noqa: ARG002
        return _micros_of  # without the two functions that SQLAlchemy would put around it

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else from_micros(value)


class Length(TypeDecorator[timedelta]):
    """A duration, stored as integer microseconds."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else value // MICROSECOND

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> timedelta | None:  # noqa: ARG002
        return None if value is None else value * MICROSECOND


Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text that is compared and sorted by its bytes, whatever the locale of the database."""


def to_json(value: Any) -> str:
    """Return the JSON text of a value, without NUL."""
    return "[]" if value == [] else without_nul(json.dumps(value))


def without_nul(text: str) -> str:
    """Return a JSON text with U+FFFD in place of NUL, which PostgreSQL does not accept."""
    return _ESCAPES.sub(_replaced, text) if "\\u0000" in text else text


def _replaced(escape: re.Match[str]) -> str:
    return "\\ufffd" if escape[0] == "\\u0000" else escape[0]


def _read_json(given: Any) -> Any:
    """Return the value of a JSON text, or a value that the driver has read already. Most are empty lists."""
    return [] if given == "[]" else json.loads(given) if type(given) is str else given


class OrderedJsonType(TypeDecorator[Any]):
    """JSON as text: objects keep the order of their keys, which PostgreSQL's jsonb does not."""

    impl = sa.JSON
    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Any:
        write = super().bind_processor(dialect)
        if write is None or dialect.name != "sqlite":
            return write
        empty: dict[Any, Any] = {list: write([]), dict: write({})}  # as most are
        return lambda given: write(given) if given or given is None else empty.get(type(given)) or write(given)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:  # noqa: ARG002 - its signature
        return _read_json


OrderedJson = OrderedJsonType(none_as_null=True)
"""An object that is sent as it was stored."""


class JsonType(OrderedJsonType):
    """JSON, which PostgreSQL stores as jsonb. Its dialect is imported only where it is used."""

    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name != "postgresql":
            return dialect.type_descriptor(sa.JSON(none_as_null=True))
        from sqlalchemy.dialects.postgresql import JSONB  # noqa: PLC0415 - see above

        return dialect.type_descriptor(JSONB(none_as_null=True))


Json = JsonType(none_as_null=True)
"""A list or an object. A missing value is NULL, never JSON's null."""


class SharedObject(dict[str, Any]):
    """A JSON object that nobody changes. Objects with the same text may be the same object."""


class SharedJson(JsonType):
    """Json for objects that many rows have. Each is encoded once and decoded once."""

    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Any:
        write = super().bind_processor(dialect)
        if write is None:
            return None
        write_shared = MadeOnce(write, MAX_OBJECTS_KNOWN)
        return lambda given: write_shared(given) if isinstance(given, SharedObject) else write(given)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        read: Any = super().result_processor(dialect, coltype)
        shared = lru_cache(MAX_OBJECTS_KNOWN)(lambda text: SharedObject(read(text)))

        def process(given: Any) -> Any:
            is_short = type(given) is str and len(given) <= MAX_KNOWN_CHARACTERS
            return shared(given) if is_short else read(given)

        return process
