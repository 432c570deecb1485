"""The exit codes of exportctl."""

from enum import IntEnum

from exportd_client import (
    Export,
    ExportdError,
    FileChanged,
    FileDamaged,
    InternalError,
    Unavailable,
)


class Exit(IntEnum):
    """FAILED: there is no file, or it is damaged. REFUSED: the request is refused, or the command line is wrong."""

    OK = 0
    REFUSED = 2
    FAILED = 3
    CANCELLED = 4
    UNREACHABLE = 5
    INTERRUPTED = 130


def exit_of_error(error: ExportdError) -> Exit:
    """Return the exit code after a call that failed."""
    match error:
        case Unavailable():
            return Exit.UNREACHABLE
        case FileDamaged() | FileChanged() | InternalError():
            return Exit.FAILED
        case _:
            return Exit.REFUSED


def exit_of_end(export: Export) -> Exit:
    """Return the exit code after an export that is done."""
    if export.state == Export.STATE_COMPLETED:
        return Exit.OK
    return Exit.CANCELLED if export.cancel_reason == Export.CANCEL_REASON_REQUESTED else Exit.FAILED
