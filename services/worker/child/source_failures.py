"""A source that failed: what the log has of it, and what whoever asked for the rows reads."""

from services.runtime import logs
from services.worker.sources.errors import SourceFailed
from services.worker.sources.said import said


def outlined(failed: SourceFailed, reference: str) -> dict[str, object]:
    """Fields of a line of the log. `said` is the sentence of the database, when it said one."""
    fields: dict[str, object] = {"reference": reference, "code": failed.code, "cause": logs.outline(failed)}
    sentence = said(failed)
    return {**fields, "said": sentence} if sentence else fields


def referenced(failed: SourceFailed, reference: str) -> str:
    """The message, with the reference under which an operator finds what the database said."""
    return f"{failed.message} Reference {reference}." if said(failed) else failed.message
