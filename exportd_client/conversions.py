"""What callers write, as the messages of the API say it. What no message can say is an InvalidArgument."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from exportd.v1.export_pb2 import Column, Compression, Format, Packaging
from exportd_client.errors import InvalidArgument, Violation

# Letters of either case will do.
FormatName: TypeAlias = Literal["xlsx", "csv", "json", "jsonl", "parquet"]
PackagingName: TypeAlias = Literal["auto", "zip", "separate"]
CompressionName: TypeAlias = Literal["gzip"]
# A field of the collection, alone or with the text for its header.
ColumnChoice: TypeAlias = str | tuple[str, str] | Column

Value = TypeVar("Value", bound=int)


def invalid(field: str, description: str) -> InvalidArgument:
    """The error for a request that is not even sent."""
    return InvalidArgument(description, reason="INVALID_REQUEST", violations=[Violation(field, description)])


def format_value(name: str | None) -> Format.ValueType:
    """None: the default."""
    return _value("format", name, {key.removeprefix("FORMAT_"): value for key, value in Format.items()})


def packaging_value(name: str | None) -> Packaging.ValueType:
    """None: the default."""
    return _value("packaging", name, dict(Packaging.items()))


def compression_value(name: str | None) -> Compression.ValueType:
    """None: the default."""
    return _value("compression", name, dict(Compression.items()))


def _value(field: str, name: str | None, values: Mapping[str, Value]) -> Value:
    if name is not None and values.get(name.upper()):
        return values[name.upper()]
    known = [key.lower() for key, value in values.items() if value]
    if name:
        raise invalid(field, f"unknown {name!r}: {', '.join(known[:-1])} or {known[-1]}")
    return next(value for value in values.values() if not value)


def columns_of(choices: Sequence[ColumnChoice]) -> Iterator[Column]:
    """As messages, in order."""
    if isinstance(choices, str):  # which is a sequence of strings too, one a letter
        raise invalid("columns", f"give a list of columns, such as [{choices!r}]")
    return map(_column, choices)


def _column(choice: ColumnChoice) -> Column:
    match choice:
        case Column():
            return choice
        case str():
            return Column(field=choice)
        case (str(field), str(header)):
            return Column(field=field, header=header)
        case _:
            raise invalid("columns", f"{choice!r} is neither a field nor a field and its header")


def password_text(password: str | None) -> str:
    """None: no password. An empty one would leave the file open, which nobody means who gives a password."""
    if password is None:
        return ""
    if not password:
        raise invalid("password", "is empty; None leaves the file open")
    return password


def duration(span: timedelta | None) -> Duration | None:
    """None: not given."""
    if span is None:
        return None
    message = Duration()
    message.FromTimedelta(span)
    return message


def timestamp(time: datetime | None) -> Timestamp | None:
    """Without a time zone it is UTC. None: not given."""
    if time is None:
        return None
    message = Timestamp()
    message.FromDatetime(time)
    return message
