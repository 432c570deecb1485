"""Where the files of a relation are, and whether they have changed."""

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from services.runtime import beneath
from services.worker.sources.files.walk import Walk
from services.worker.sources.rows.conditions import literal
from services.worker.sources.stores.folder import is_plain

if TYPE_CHECKING:
    import duckdb

Mark = tuple[int | str, ...]
"""Identifies the state of a file. A replaced file has another mark."""


class Place(Protocol):
    """A root and the files below it, by relative paths with `/`.

    Every method raises OSError if the root or a file cannot be reached.
    """

    @property
    def allowed(self) -> str:
        """The paths that DuckDB may read, as SQL."""
        ...

    def paths(self, pattern: str) -> list[str]:
        """Return the files that a path or a glob names, each once, in no particular order. Raises FileRefused."""
        ...

    def marks(self, paths: Iterable[str]) -> dict[str, Mark]:
        """Return the mark of each file. Raises OSError when a file is gone."""
        ...

    def opened(self, path: str) -> IO[bytes]:
        """Open the content of a file. The caller closes it."""
        ...

    def seekable(self, path: str) -> IO[bytes]:
        """Open the content of a file for random access. The caller closes it."""
        ...

    def name(self, path: str) -> str:
        """Return the name that DuckDB reads, as a glob of DuckDB. It ends with the relative path."""
        ...

    def name_in_duckdb(self, path: str) -> str:
        """Return the name of the file in DuckDB's results and messages."""
        ...

    def attach(self, connection: "duckdb.DuckDBPyConnection", marks: dict[str, Mark]) -> None:
        """Let DuckDB read files by their names, as long as their marks are unchanged."""
        ...


class Directory:
    """The Place of regular files below a folder, by their real paths."""

    def __init__(self, root: Path, *, hard_links: bool = False) -> None:
        """`hard_links` allows files that also have other names."""
        self._root = Path(os.path.realpath(root, strict=True))
        self._hard_links = hard_links

    @property
    def allowed(self) -> str:
        """See Place."""
        return literal(f"{self._root}{os.sep}")

    def path(self, path: str) -> Path:
        """Return the path of a file in the file system."""
        return self._root / path

    def paths(self, pattern: str) -> list[str]:
        """See Place."""
        if not is_plain(pattern):
            return []
        return ["/".join(steps) for steps in Walk(self._root, hard_links=self._hard_links).files(pattern)]

    def marks(self, paths: Iterable[str]) -> dict[str, Mark]:
        """See Place."""
        return {path: self._mark(path) for path in paths}

    def opened(self, path: str) -> IO[bytes]:
        """See Place."""
        return os.fdopen(beneath.open_file(self._root, path.split("/"), other_names=self._hard_links), "rb")

    def seekable(self, path: str) -> IO[bytes]:
        """See Place."""
        return self.opened(path)

    def name(self, path: str) -> str:
        """See Place."""
        return glob.escape(str(self._root / path))

    def name_in_duckdb(self, path: str) -> str:
        """See Place."""
        return str(self._root / path)

    def attach(self, connection: "duckdb.DuckDBPyConnection", marks: dict[str, Mark]) -> None:
        """See Place. DuckDB opens files itself."""

    def _mark(self, path: str) -> Mark:
        *folders, name = path.split("/")
        with beneath.folder(self._root, folders) as parent:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        return status.st_ino, status.st_size, status.st_mtime_ns
