"""Queries of creates, in the form of XDENT."""

from collections.abc import Mapping
from urllib.parse import urlencode

from multidict import MultiMapping

from exportd.v1.export_pb2 import PACKAGING_ZIP, Format
from exportd.v1.export_service_pb2 import CreateExportRequest
from exportd_client.enums import names_of, value_of
from exportd_client.errors import Violation
from services.gateway.http.problems import invalid

OPTIONS = ("format", "password", "email", "callback")
DEFAULT_FORMAT = "JSON"
_FIELDS: Mapping[str, str] = {"password": "password", "email": "notify_email", "callback": "callback_url"}


def create_request(type_: str, query: MultiMapping[str]) -> CreateExportRequest:
    """Return the request, whose file is always a ZIP.

    Parameters that are no options are the query of the export: its filters. Raises InvalidArgument.
    """
    _check(query)
    return CreateExportRequest(
        type=type_,
        query=urlencode([(name, value) for name, value in query.items() if name not in OPTIONS]),
        format=value_of(Format, query.get("format") or DEFAULT_FORMAT),
        packaging=PACKAGING_ZIP,
        **{field: query.get(name, "") for name, field in _FIELDS.items()},  # type: ignore[arg-type]
    )


def _check(query: MultiMapping[str]) -> None:
    twice = [name for name in OPTIONS if len(query.getall(name, [])) > 1]
    violations = [Violation(name, "is there more than once") for name in twice]
    known = sorted(names_of(Format))
    if query.get("format", "") not in ("", *known):
        violations.append(Violation("format", f"must be one of {', '.join(known)}"))
    violations += [Violation(name, "is no text") for name, value in query.items() if not _is_text(name + value)]
    if violations:
        raise invalid(*violations)


def _is_text(text: str) -> bool:
    """Whether a text can be sent: percent-encoded bytes that are no UTF-8 cannot."""
    return text.encode(errors="replace").decode() == text
