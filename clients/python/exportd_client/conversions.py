"""What callers write, as the messages of the API say it. What no message can say is an InvalidArgument."""

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

# Letters of either case will do.
FormatName: TypeAlias = Literal["xlsx", "csv", "json", "jsonl", "parquet"]
PackagingName: TypeAlias = Literal["auto", "zip", "separate"]
CompressionName: TypeAlias = Literal["gzip"]
# A field of the collection, alone or with the text for its header.
ColumnChoice: TypeAlias = str | tuple[str, str] | Column

V = TypeVar("V", bound=int)


def invalid(field: str, description: str) -> InvalidArgument:
    """The error for a request that is not even sent."""
    return InvalidArgument(description, reason="INVALID_REQUEST", violations=[Violation(field, description)])


def format_value(name: str | None) -> Format.ValueType:
    """None: the default."""
    return _value("format", name, Format)


def packaging_value(name: str | None) -> Packaging.ValueType:
    """None: the default."""
    return _value("packaging", name, Packaging)


def compression_value(name: str | None) -> Compression.ValueType:
    """None: the default."""
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
