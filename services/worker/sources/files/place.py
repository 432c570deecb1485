"""Where the files of a relation lie: what is there, and what of it has changed."""

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
"""What tells a file from another one that took its place."""


class Place(Protocol):
    """A root and the files below it, by their relative paths with `/`. What cannot be reached raises OSError."""

    @property
    def allowed(self) -> str:
        """What DuckDB may read, as SQL."""
        ...

    def paths(self, pattern: str) -> list[str]:
        """The files that a path or glob names, each once, in no order. Raises FileRefused."""
        ...

    def marks(self, paths: Iterable[str]) -> dict[str, Mark]:
        """The state that each file is in; a file that is gone raises OSError."""
        ...

    def opened(self, path: str) -> IO[bytes]:
        """The content of a file; the caller closes it."""
        ...

    def seekable(self, path: str) -> IO[bytes]:
        """The content of a file, to be read here and there; the caller closes it."""
        ...

    def name(self, path: str) -> str:
        """What DuckDB is told to read, in its own words for globs; it ends with the relative path."""
        ...

    def name_in_duckdb(self, path: str) -> str:
        """What DuckDB itself says that the file is called."""
        ...

    def attach(self, connection: "duckdb.DuckDBPyConnection", marks: dict[str, Mark]) -> None:
        """Let DuckDB read files by their names, as long as they are what their marks say."""
        ...


class Directory:
    """Regular files below a directory, by their real paths."""

    def __init__(self, root: Path, *, hard_links: bool = False) -> None:
        """`hard_links`: whether files that have other names, too, may be read."""
        self._root = Path(os.path.realpath(root, strict=True))
        self._hard_links = hard_links

    @property
    def allowed(self) -> str:
        """See Place."""
        return literal(f"{self._root}{os.sep}")

    def path(self, path: str) -> Path:
        """Where a file lies."""
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
