"""The current catalog, which can be reloaded while the api runs."""

from pathlib import Path

from services.api.catalog.definition.file import load
from services.api.catalog.model import Catalog
from services.api.domain.keys import fits
from services.runtime import logs
from services.runtime.toml import FileError

MAX_PARTS = 100
"""The number of parts of the catalog, as restricted keys see them, that are kept."""


class LiveCatalog:
    """The catalog of the file at `path`. Exports keep the catalog with which they were created: see JobSpec."""

    def __init__(self, path: Path) -> None:
        """Load the catalog. Raises FileError."""
        self._path = path
        self._current = load(path)
        self._parts: dict[frozenset[str], Catalog] = {}

    @property
    def current(self) -> Catalog:
        """The catalog for new exports."""
        return self._current

    def seen(self, patterns: frozenset[str]) -> Catalog:
        """Return the collections whose codes match one of the patterns; all of them without patterns."""
        if not patterns:
            return self._current
        part = self._parts.get(patterns)
        if part is None:
            if len(self._parts) >= MAX_PARTS:
                self._parts.clear()
            seen = (each for each in self._current.collections if fits(each.code, patterns))
            part = self._parts[patterns] = Catalog(tuple(seen))
        return part

    def reload(self) -> None:
        """Reload the file. If it has mistakes, they are logged and the current catalog stays."""
        try:
            self._current = load(self._path)
        except FileError as error:
            logs.get().error("catalog_refused", problem=str(error))
        else:
            self._parts = {}
            logs.get().info("catalog_reloaded", collections=len(self._current.collections))
