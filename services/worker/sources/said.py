"""The error messages of drivers. They are never shown to callers, since they may contain values and addresses."""

import re
from collections.abc import Iterator

from services.worker.sources.errors import DriverError, SourceFailed

MAX_CHARACTERS = 500
_BESIDES = re.compile(r"(?:\[SQL: |\(Background on this error at)")
"""Where the driver's message ends and SQLAlchemy's own text begins."""


def said(failed: BaseException) -> str:
    """Return the message of a DriverError among the causes, which is fit for the log. Empty when there is none."""
    return next((str(cause) for cause in _causes(failed) if isinstance(cause, DriverError)), "")


def all_said(failed: BaseException) -> str:
    """Return the texts of all causes in one line, for whoever runs a command. Empty when there is none."""
    texts = (" ".join(_BESIDES.split(str(cause))[0].split()) or type(cause).__name__ for cause in _causes(failed))
    return ": ".join(dict.fromkeys(texts))[:MAX_CHARACTERS]


def told(failed: SourceFailed) -> str:
    """Return the message for callers, followed by the texts of all causes."""
    return f"{failed.message} {all_said(failed)}".strip()


def _causes(failed: BaseException) -> Iterator[BaseException]:
    cause = failed.__cause__ or failed.__context__
    while cause is not None:
        yield cause
        cause = cause.__cause__
