"""Converts arguments of callers to messages of the API. Raises InvalidArgument for what no message can express."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from exportd.v1.export_pb2 import Column, Compression, Format, Packaging
from exportd_client.enums import names_of, value_of
from exportd_client.errors import InvalidArgument, Violation

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper as PbEnum

# Case does not matter.
FormatName: TypeAlias = Literal["xlsx", "csv", "json", "jsonl", "parquet"]
PackagingName: TypeAlias = Literal["auto", "zip", "separate"]
CompressionName: TypeAlias = Literal["gzip"]
# A field of the collection, alone or with its header text.
ColumnChoice: TypeAlias = str | tuple[str, str] | Column

V = TypeVar("V", bound=int)


def invalid(field: str, description: str) -> InvalidArgument:
    """Return the error for a request that is not sent, because it is invalid."""
    return InvalidArgument(description, reason="INVALID_REQUEST", violations=[Violation(field, description)])


def format_value(name: str | None) -> Format.ValueType:
    """Return the value of a format's name; with None that of the default. Raises InvalidArgument."""
    return _value("format", name, Format)


def packaging_value(name: str | None) -> Packaging.ValueType:
    """Return the value of a packaging's name; with None that of the default. Raises InvalidArgument."""
    return _value("packaging", name, Packaging)


def compression_value(name: str | None) -> Compression.ValueType:
    """Return the value of a compression's name; with None that of the default. Raises InvalidArgument."""
    return _value("compression", name, Compression)


def _value(field: str, name: str | None, enum: "PbEnum[V]") -> V:
    known = list(names_of(enum))
    if not name:
        return enum.values()[0]
    if name.upper() not in known:
        words = [each.lower() for each in known]
        raise invalid(field, f"unknown {name!r}: {', '.join(words[:-1])} or {words[-1]}")
    return value_of(enum, name.upper())


def columns_of(choices: Sequence[ColumnChoice]) -> Iterator[Column]:
    """Return the columns as messages, in order. Raises InvalidArgument."""
    if isinstance(choices, str):  # a string is a sequence of strings, too: its letters
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
    """Return the password; an empty string if None.

    Raises InvalidArgument for an empty password: it would leave the file open, which nobody wants who gives a password.
    """
    if password is None:
        return ""
    if not password:
        raise invalid("password", "is empty; None leaves the file open")
    return password


def duration(span: timedelta | None) -> Duration | None:
    """Return the message for a time span; None if none is given."""
    if span is None:
        return None
    message = Duration()
    message.FromTimedelta(span)
    return message


def timestamp(time: datetime | None) -> Timestamp | None:
    """Return the message for a time; None if none is given. A time without a time zone is in UTC."""
    if time is None:
        return None
    message = Timestamp()
    message.FromDatetime(time)
    return message
