"""The collections that the current caller sees. Others, and their exports, do not exist for it."""

from contextvars import ContextVar

from services.api.domain.export import Export
from services.api.domain.keys import fits

COLLECTIONS: ContextVar[frozenset[str]] = ContextVar("collections", default=frozenset())
"""Patterns of their codes; empty means all."""


def is_limited() -> bool:
    """Whether the caller sees only some collections."""
    return bool(COLLECTIONS.get())


def is_seen(export: Export) -> bool:
    """Whether the caller sees the collection of an export."""
    patterns = COLLECTIONS.get()
    return not patterns or fits(export.type, patterns)
