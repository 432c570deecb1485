"""A failed source: the fields of the log line, and the message for the caller."""

from services.runtime import logs
from services.worker.sources.errors import SourceFailed
from services.worker.sources.said import said


def outlined(failed: SourceFailed, reference: str) -> dict[str, object]:
    """Return the fields of the log line. `said` is the error message of the database, if there is one."""
    fields: dict[str, object] = {"reference": reference, "code": failed.code, "cause": logs.outline(failed)}
    sentence = said(failed)
    return {**fields, "said": sentence} if sentence else fields


def referenced(failed: SourceFailed, reference: str) -> str:
    """Return the message for the caller.

    If the database gave an error message, add the reference under which the log has it.
    """
    return f"{failed.message} Reference {reference}." if said(failed) else failed.message
