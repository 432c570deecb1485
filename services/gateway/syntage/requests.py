"""Bodies of creates, in the form of Syntage."""

from collections.abc import Iterator, Mapping
from typing import Any

from exportd.v1.export_pb2 import FORMAT_CSV, FORMAT_JSON, FORMAT_XLSX, PACKAGING_AUTO, PACKAGING_SEPARATE, Format
from exportd.v1.export_service_pb2 import CreateExportRequest
from exportd_client.errors import Violation
from services.gateway.http.problems import invalid

FORMATS: Mapping[str, Format.ValueType] = {"csv": FORMAT_CSV, "xlsx": FORMAT_XLSX, "json": FORMAT_JSON}
_FIELDS = ("format", "uri", "fileTypes")


def create_request(body: Mapping[str, Any]) -> CreateExportRequest:
    """Return the request. With attachments the table stays a file of its own. Raises InvalidArgument."""
    if violations := [*_violations(body)]:
        raise invalid(*violations)
    file_types = body.get("fileTypes", [])
    return CreateExportRequest(
        uri=body["uri"],
        format=FORMATS[body["format"]],
        file_types=file_types,
        packaging=PACKAGING_SEPARATE if file_types else PACKAGING_AUTO,
    )


def _violations(body: Mapping[str, Any]) -> Iterator[Violation]:
    for name in body:
        if name not in _FIELDS:
            yield Violation(name, "This field was not expected.")
    for name in ("format", "uri"):
        if body.get(name) in (None, ""):
            yield Violation(name, "This value should not be blank.")
        elif not _is_text(body[name]):
            yield Violation(name, "This value should be of type string.")
    if _is_text(body.get("format")) and body["format"] and body["format"] not in FORMATS:
        yield Violation("format", "The value you selected is not a valid choice.")
    if "fileTypes" in body:
        yield from _of_file_types(body["fileTypes"])


def _of_file_types(given: Any) -> Iterator[Violation]:
    if not isinstance(given, list) or not all(map(_is_text, given)):
        yield Violation("fileTypes", "This value should be a list of strings.")
    elif not given:
        yield Violation("fileTypes", "This collection should contain 1 element or more.")


def _is_text(value: Any) -> bool:
    """Whether a value is a text that can be sent: JSON can hold halves of characters, which UTF-8 cannot."""
    return isinstance(value, str) and value.encode(errors="replace").decode() == value
