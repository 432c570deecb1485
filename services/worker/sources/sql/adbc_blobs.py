"""Reads blobs of a database through ADBC, one after the other.

All parts of a blob are read in one transaction, so that they belong together.
"""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any

from services.contract.spec import Blob, Relation
from services.worker.sources import errors
from services.worker.sources.attachments.blobs import BlobStart
from services.worker.sources.rows.conditions import Parameter
from services.worker.sources.sql.adbc import Session
from services.worker.sources.stores.streams import PIECE


class AdbcBlobs(ABC):
    """The common part of the BlobReaders of SQLite and PostgreSQL."""

    def __init__(self, source_id: str, connected: AbstractContextManager[Session]) -> None:
        self._id = source_id
        self._open = ExitStack()
        self._session = self._open.enter_context(connected)
        self._checked: set[Blob] = set()
        self._last: tuple[str, str, tuple[Parameter, ...]] = ("", "", ())

    def find(self, blob: Blob, key: tuple[str, ...]) -> BlobStart | None:
        """See BlobReader."""
        self._check(blob)
        condition, parameters = self._matching(blob, key)
        content = self._content(blob.column)
        self._last = (content, f"from {self._rows_of(blob.relation)} where {condition} limit 2", parameters)
        rows = self._select(f"length({content}), substr({content}, 1, {PIECE})")
        if len(rows) > 1:
            raise errors.key_ambiguous(self._id, [k.column for k in blob.key])
        return BlobStart(bytes(rows[0][1] or b""), rows[0][0]) if rows and rows[0][0] is not None else None

    def part(self, start: int, size: int) -> bytes:
        """See BlobReader."""
        rows = self._select(f"substr({self._last[0]}, {start + 1}, {size})")
        part = bytes(rows[0][0]) if rows and rows[0][0] is not None else b""
        if len(part) != size:
            raise errors.changed(self._id)
        return part

    def rest(self) -> None:
        """See BlobReader."""
        self._session.end()

    def close(self) -> None:
        """See BlobReader."""
        with suppress(Exception):  # the connection may be broken already
            self._open.close()

    def _select(self, what: str) -> list[tuple[Any, ...]]:
        _, rest, parameters = self._last
        return self._session.rows(f"select {what} {rest}", parameters)

    def _check(self, blob: Blob) -> None:
        if blob in self._checked:
            return
        names = {name.casefold() for name in self._names(blob.relation)}
        absent = [name for name in (blob.column, *(k.column for k in blob.key)) if name.casefold() not in names]
        if absent:
            raise errors.column_missing(self._id, absent)
        self._checked.add(blob)

    def _names(self, relation: Relation) -> list[str]:
        return self._session.names(self._rows_of(relation))

    @abstractmethod
    def _rows_of(self, relation: Relation) -> str: ...

    @abstractmethod
    def _content(self, column: str) -> str: ...

    @abstractmethod
    def _matching(self, blob: Blob, key: tuple[str, ...]) -> tuple[str, tuple[Parameter, ...]]: ...
