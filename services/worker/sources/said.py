"""What a driver said, for operators: never for callers, since it may hold values and addresses."""

import re

from services.worker.sources.errors import SourceFailed

MAX_CHARACTERS = 500
_BESIDES = re.compile(r"(?:\[SQL: |\(Background on this error at)")
"""Where SQLAlchemy goes on after the driver's own words."""


def said(failed: BaseException) -> str:
    """The texts of what caused a failure, in one line; empty when nothing did."""
    texts: list[str] = []
    cause = failed.__cause__ or failed.__context__
    while cause is not None:
        texts.append(" ".join(_BESIDES.split(str(cause))[0].split()) or type(cause).__name__)
        cause = cause.__cause__
    return ": ".join(dict.fromkeys(texts))[:MAX_CHARACTERS]


def told(failed: SourceFailed) -> str:
    """What callers are told, and what the driver said."""
    cause = said(failed)
    return f"{failed.message} {cause}".strip()
