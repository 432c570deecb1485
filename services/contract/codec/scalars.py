"""Conversion of timestamps and durations."""

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def timestamp_to_pb(moment: datetime | None) -> Timestamp | None:
    """None stays None: an absent field."""
    if moment is None:
        return None
    since = moment - _EPOCH
    return Timestamp(seconds=since // _SECOND, nanos=since.microseconds * 1000)


def timestamp_from_pb(message: Timestamp) -> datetime:
    """Return the moment in UTC, to the microsecond."""
    return message.ToDatetime(tzinfo=UTC)


def duration_to_pb(length: timedelta | None) -> Duration | None:
    """None stays None: an absent field."""
    if length is None:
        return None
    message = Duration()
    message.FromTimedelta(length)
    return message


def duration_from_pb(message: Duration) -> timedelta:
    """Return the duration, to the microsecond."""
    return message.ToTimedelta()
