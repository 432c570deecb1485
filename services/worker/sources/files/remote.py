"""Objects of an S3 store as the files of a relation. DuckDB reads them in parts through pyarrow."""

import io
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

import fsspec  # type: ignore[import-untyped]
from pyarrow.fs import FileSelector, FileType

from services.worker.sources.files.place import Mark
from services.worker.sources.rows.conditions import literal
from services.worker.sources.stores import globs
from services.worker.sources.stores.folder import is_plain
from services.worker.sources.stores.s3 import ObjectRoot, filesystem

if TYPE_CHECKING:
    import duckdb
    from pyarrow import NativeFile

_PROTOCOL = "exportd"
_AT_ONCE = 8  # parallel requests to the store
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Objects:
    """The Place of objects below the prefix of a bucket."""

    def __init__(self, root: ObjectRoot) -> None:
        self._root = root
        self._store = filesystem(root)

    @property
    def allowed(self) -> str:
        """See Place."""
        return literal(f"{_PROTOCOL}://")

    def paths(self, pattern: str) -> list[str]:
        """See Place. Only objects below the part of the pattern without wildcards are listed."""
        if not is_plain(pattern):
            return []
        listed = self._listed(globs.fixed(pattern))
        if not listed and self._store.get_file_info(self._root.bucket).type == FileType.NotFound:
            raise FileNotFoundError(self._root.bucket)
        matching = globs.compiled(pattern)
        return [path for path in listed if matching.fullmatch(path)]

    def _listed(self, base: str) -> list[str]:
        selector = FileSelector(self._root.path(base), allow_not_found=True, recursive=True)
        start = len(self._root.path("")) + 1
        return [each.path[start:] for each in self._store.get_file_info(selector) if each.type == FileType.File]

    def marks(self, paths: Iterable[str]) -> dict[str, Mark]:
        """See Place. A mark is the ETag and the size."""
        paths = list(paths)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(paths, pool.map(self._mark, paths), strict=True))

    def opened(self, path: str) -> IO[bytes]:
        """See Place."""
        return self._store.open_input_stream(self._root.path(path), compression=None)  # type: ignore[return-value]

    def seekable(self, path: str) -> IO[bytes]:
        """See Place."""
        return self._store.open_input_file(self._root.path(path))  # type: ignore[return-value]

    def name(self, path: str) -> str:
        """See Place. The name is not a glob: `_Files.glob` finds each file by its exact name."""
        return f"{_PROTOCOL}://{path}"

    def name_in_duckdb(self, path: str) -> str:
        """See Place."""
        return self.name(path)

    def attach(self, connection: "duckdb.DuckDBPyConnection", marks: dict[str, Mark]) -> None:
        """See Place."""
        files = {self.name(path): (path, mark) for path, mark in marks.items()}
        connection.register_filesystem(_Files(self, files))

    def part_of(self, path: str, mark: Mark) -> "_Parts":
        """Open a file that is read in parts. Raises OSError when its mark has changed."""
        file = self._store.open_input_file(self._root.path(path))
        if _mark_of(file) != mark:
            file.close()
            raise OSError("the object changed")
        return _Parts(file)

    def _mark(self, path: str) -> Mark:
        with self._store.open_input_file(self._root.path(path)) as file:
            return _mark_of(file)


def _mark_of(file: "NativeFile") -> Mark:
    about = file.metadata()
    return bytes(about["ETag"]).decode("ascii", "replace"), file.size()


class _Files(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """The file system that DuckDB sees. It answers from the list that was made at the start."""

    protocol = _PROTOCOL
    cachable = False

    def __init__(self, objects: Objects, files: Mapping[str, tuple[str, Mark]]) -> None:
        super().__init__()
        self._objects = objects
        self._files = files

    def glob(self, path: str, **_: object) -> list[str]:
        """Return the file with exactly this name."""
        return [path] if path in self._files else []

    def exists(self, path: str, **_: object) -> bool:
        """Whether the file is in the list."""
        return path in self._files

    def info(self, path: str, **_: object) -> dict[str, Any]:
        """Return the size of the file when the list was made."""
        return {"name": path, "size": self._files[path][1][1], "type": "file"}

    def modified(self, path: str) -> datetime:  # noqa: ARG002 - the mark is more exact
        """Return a constant: a changed file cannot be opened anyway."""
        return _LONG_AGO

    def open(self, path: str, mode: str = "rb", **_: object) -> "_Parts":  # noqa: ARG002 - DuckDB only reads
        """Open the file. Raises OSError when it has changed."""
        return self._objects.part_of(*self._files[path])


class _Parts:
    """A file that several threads of DuckDB read at the same time. Each thread has its own position.

    DuckDB calls seek and then read, and another thread may do the same in between.
    """

    def __init__(self, file: "NativeFile") -> None:
        self._file = file
        self._at = threading.local()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position of this thread."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._file.size()}[whence]
        self._at.position = start + offset
        return start + offset

    def tell(self) -> int:
        """Return the position of this thread."""
        position: int = getattr(self._at, "position", 0)
        return position

    def read(self, size: int = -1) -> bytes:
        """Read from this thread's position on and move it; without a size, read the rest."""
        length = size if size >= 0 else self._file.size() - self.tell()
        part = self._file.read_at(length, self.tell())  # type: ignore[call-arg]
        self._at.position = self.tell() + len(part)
        return part

    def seekable(self) -> bool:
        """Always true."""
        return True

    def close(self) -> None:
        """Close the file for all threads."""
        self._file.close()
