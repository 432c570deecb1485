"""Objects of an S3 store as the files of a relation: DuckDB reads them in parts, through pyarrow."""

import io
import re
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from fnmatch import translate
from typing import IO, TYPE_CHECKING, Any

import fsspec
from pyarrow.fs import FileSelector, FileType

from services.worker.sources.conditions import literal
from services.worker.sources.folder import is_plain
from services.worker.sources.objects import ObjectRoot, filesystem
from services.worker.sources.places import Mark

if TYPE_CHECKING:
    import duckdb

_PROTOCOL = "exportd"
_AT_ONCE = 8  # questions to the store
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Objects:
    """places.Place below the prefix of a bucket."""

    def __init__(self, root: ObjectRoot) -> None:
        self._root = root
        self._store = filesystem(root)

    @property
    def allowed(self) -> str:
        """See Place."""
        return literal(f"{_PROTOCOL}://")

    def found(self, pattern: str) -> list[str]:
        """See Place. Only what is below the part of the pattern without wildcards is listed."""
        if not is_plain(pattern):
            return []
        base = "/".join(_fixed(pattern))
        selector = FileSelector(self._root.path(base), allow_not_found=True, recursive=True)
        start = len(self._root.path("")) + 1
        below = [each.path[start:] for each in self._store.get_file_info(selector) if each.type == FileType.File]
        matches = _matcher(pattern)
        return [path for path in below if matches.fullmatch(path)]

    def marks(self, paths: Iterable[str]) -> dict[str, Mark]:
        """See Place: the ETag and the size."""
        paths = list(paths)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(paths, pool.map(self._mark, paths), strict=True))

    def opened(self, path: str) -> IO[bytes]:
        """See Place."""
        return self._store.open_input_stream(self._root.path(path), compression=None)  # type: ignore[return-value]

    def name(self, path: str) -> str:
        """See Place. No name of a key is taken for a glob: the wildcards are written as what they are not."""
        return f"{_PROTOCOL}://{path.translate(_NO_GLOB)}"

    def shown_to(self, connection: "duckdb.DuckDBPyConnection", marks: dict[str, Mark]) -> None:
        """See Place."""
        files = {self.name(path): (path, mark) for path, mark in marks.items()}
        connection.register_filesystem(_Files(self, files))

    def part_of(self, path: str, mark: Mark) -> "_Parts":
        """A file that is read in parts. Raises OSError when it is not what its mark says."""
        file = self._store.open_input_file(self._root.path(path))
        if _mark_of(file) != mark:
            file.close()
            raise OSError("the object changed")
        return _Parts(file)

    def _mark(self, path: str) -> Mark:
        with self._store.open_input_file(self._root.path(path)) as file:
            return _mark_of(file)
