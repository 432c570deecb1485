"""How points in time, lengths of time and lists are stored: the same way in every database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC. The moment must know its zone."""
    return (moment - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """In UTC."""
    return EPOCH + micros * MICROSECOND


class UtcTime(TypeDecorator[datetime]):
    """A point in time as integer microseconds since 1970 UTC."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002  # its signature
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else from_micros(value)


class Length(TypeDecorator[timedelta]):
    """A length of time as integer microseconds."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else value // MICROSECOND

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> timedelta | None:  # noqa: ARG002
        return None if value is None else value * MICROSECOND


Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text that is compared and ordered by its bytes, whatever language a database is of."""

Json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""A list or an object; absent is NULL, never JSON's null."""
