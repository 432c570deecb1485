"""A status fits into the headers that every client takes, whatever stands in the error."""

import dataclasses
import typing
from urllib.parse import quote

import pytest
from google.rpc import error_details_pb2, status_pb2

from services.contract.errors import ExportdError, ExportNotFound, InvalidRequest, ShuttingDown, Violation
from services.contract.status import CODES, to_status

MAX_HEADER_BYTES = 8192
TEXTS = ["x" * 60_000, "漢" * 20_000, "\N{KEY}" * 15_000, "\0" * 60_000]


def size(error: ExportdError) -> float:
    """The message as gRPC encodes it, and the details in base64."""
    status = to_status(error)
    return len(quote(status.details)) + sum(4 / 3 * len(value) + len(key) for key, value in status.trailing_metadata)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[0]))
@pytest.mark.parametrize("kind", [kind for kind in CODES if kind is not InvalidRequest], ids=lambda kind: kind.__name__)
def test_an_error_fits(kind: type[ExportdError], text: str) -> None:
    types = typing.get_type_hints(kind)
    error = kind(**{f.name: text if types[f.name] is str else 2**63 for f in dataclasses.fields(kind)})  # type: ignore[arg-type]
    assert size(error) <= MAX_HEADER_BYTES


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[0]))
@pytest.mark.parametrize("count", [1, 1000])
def test_violations_fit_and_some_of_them_are_there(text: str, count: int) -> None:
    error = InvalidRequest(tuple(Violation(f"{text}[{n}]", text) for n in range(count)))
    assert size(error) <= MAX_HEADER_BYTES
    (details,) = (value for _, value in to_status(error).trailing_metadata)
    bad = error_details_pb2.BadRequest()
    for detail in status_pb2.Status.FromString(details).details:
        detail.Unpack(bad)
    assert bad.field_violations
    assert all(violation.description for violation in bad.field_violations)


def test_channels_that_retry_by_themselves_are_told_when_to() -> None:
    """They read no RetryInfo."""
    assert dict(to_status(ShuttingDown()).trailing_metadata)["grpc-retry-pushback-ms"] == "1000"
    assert "grpc-retry-pushback-ms" not in dict(to_status(ExportNotFound("id")).trailing_metadata)
