"""What a caller is told when a call, or one job of a call for several, ends with an exception."""

from services.contract.errors import ExportdError, Internal, Overloaded
from services.runtime import logs, shortage


def refusal_of(raised: BaseException, request_id: str) -> ExportdError:
    """Return the error for the caller.

    What the caller must not know goes into the log: the cause of an error, and every defect.
    """
    if isinstance(raised, ExportdError):
        if raised.__cause__ is not None:  # the cause is not sent to the caller
            logs.get().warning("call_refused", reason=raised.reason, exc_info=raised.__cause__)
        return raised
    if short := shortage.named(raised):
        logs.get().error("overloaded", short_of=short, cause=logs.outline(raised))
        return Overloaded()
    logs.get().exception("call_failed", exc_info=raised)
    return Internal(request_id)
