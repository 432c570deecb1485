"""The current catalog, which can be reloaded while the api runs."""

from pathlib import Path

from services.api.catalog.definition.file import load
from services.api.catalog.model import Catalog
from services.runtime import logs
from services.runtime.toml import FileError


class LiveCatalog:
    """The catalog of the file at `path`. Exports keep the catalog with which they were created: see JobSpec."""

    def __init__(self, path: Path) -> None:
        """Load the catalog. Raises FileError."""
        self._path = path
        self._current = load(path)

    @property
    def current(self) -> Catalog:
        """The catalog for new exports."""
        return self._current

    def reload(self) -> None:
        """Reload the file. If it has mistakes, they are logged and the current catalog stays."""
        try:
            self._current = load(self._path)
        except FileError as error:
            logs.get().error("catalog_refused", problem=str(error))
        else:
            logs.get().info("catalog_reloaded", collections=len(self._current.collections))
