"""Where the current call comes from, for the audit trail."""

from contextvars import ContextVar

from services.api.domain.audit import NOBODY, Origin

ORIGIN: ContextVar[Origin] = ContextVar("origin", default=NOBODY)
"""The origin of the current call. It is set for calls and commands that make entries."""
