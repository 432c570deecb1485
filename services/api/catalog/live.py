"""The catalog in use, which can be read again while the api runs."""

from pathlib import Path

from services.api.catalog.definition.file import load
from services.api.catalog.model import Catalog
from services.runtime import logs
from services.runtime.toml import FileError


class LiveCatalog:
    """The catalog of the file at `path`. Exports that were created keep what they were given: see JobSpec."""

    def __init__(self, path: Path) -> None:
        """Raises FileError."""
        self._path = path
        self._current = load(path)

    @property
    def current(self) -> Catalog:
        """What new exports go by."""
        return self._current

    def reload(self) -> None:
        """Read the file again; one with mistakes is logged, and the catalog stays as it was."""
        try:
            self._current = load(self._path)
        except FileError as error:
            logs.get().error("catalog_refused", problem=str(error))
        else:
            logs.get().info("catalog_reloaded", collections=len(self._current.collections))
