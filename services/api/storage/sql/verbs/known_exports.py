"""Exports that are kept for callers who ask for them again and again until they are done."""

from typing import NamedTuple

from services.api.domain.export import Export
from services.api.storage.sql.tables import exports

MAX_KNOWN = 1024
"""How many exports are kept."""

MAX_KNOWN_ENTRIES = 100
"""The most entries in the files of an export that is kept."""

_c = exports.c
EDITION_COLUMNS = (_c.id, _c.tenant, _c.version, _c.update_time, _c.email_sent, _c.callback_sent)
"""The columns of an Edition. A change of any other column of an Export increases the version."""


class Edition(NamedTuple):
    """What tells whether an export has changed, in the form in which it is stored."""

    id: str
    tenant: str
    version: int
    update_time: int
    email_sent: int
    callback_sent: int


class KnownExports:
    """At most `most` exports with their editions. Safe for any thread."""

    def __init__(self, most: int = MAX_KNOWN) -> None:
        self._most = most
        self._known: dict[str, tuple[Edition, Export]] = {}

    def of(self, edition: Edition) -> Export | None:
        """Return the export if this edition of it is kept."""
        kept, export = self._known.get(edition.id, (None, None))
        return export if kept == edition else None

    def keep(self, edition: Edition, export: Export) -> None:
        """Keep an export that was read after its edition, unless it has changed since or is large."""
        if export.version != edition.version or _entries_of(export) > MAX_KNOWN_ENTRIES:
            return
        if len(self._known) >= self._most:
            self._known = {}  # all at once: those in use are soon kept again
        self._known[edition.id] = (edition, export)


def _entries_of(export: Export) -> int:
    files = (export.file, export.attachments_file)
    return sum(len(file.artifact.entries) for file in files if file)
