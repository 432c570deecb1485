"""Blobs of any other database."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any

from services.contract.spec import Blob
from services.worker.sources import errors
from services.worker.sources.attachments.blobs import BlobStart
from services.worker.sources.stores.streams import PIECE

if TYPE_CHECKING:
    import sqlalchemy as sa


class OtherSqlBlobs:
    """The BlobReader of any other database. It holds a whole blob in memory.

    `connection_of` opens the connection. In the context `guard`, errors of the database become SourceFailed.
    """

    def __init__(
        self,
        source_id: str,
        connection_of: Callable[[], "sa.Connection"],
        guard: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._id = source_id
        self._content = b""
        self._guard = guard
        with self._guard():
            self._connection = connection_of()

    def find(self, blob: Blob, key: tuple[str, ...]) -> BlobStart | None:
        """See BlobReader."""
        rows = self._rows(blob, key)
        if len(rows) > 1:
            raise errors.key_ambiguous(self._id, [k.column for k in blob.key])
        if not rows or rows[0][0] is None:
            return None
        self._content = bytes(rows[0][0])
        return BlobStart(self._content[:PIECE], len(self._content))

    def part(self, start: int, size: int) -> bytes:
        """See BlobReader."""
        return self._content[start : start + size]

    def rest(self) -> None:
        """See BlobReader."""
        self._content = b""
        with self._guard():
            self._connection.rollback()

    def close(self) -> None:
        """See BlobReader."""
        with suppress(Exception):  # the connection may be broken already
            self._connection.close()

    def _rows(self, blob: Blob, key: tuple[str, ...]) -> Sequence[Any]:
        with self._guard():
            import sqlalchemy as sa  # noqa: PLC0415

            statement = sa.text(self._statement(blob))
            return self._connection.execute(statement, {f"p{i}": v for i, v in enumerate(key)}).fetchmany(2)

    def _statement(self, blob: Blob) -> str:
        quote_name = self._connection.dialect.identifier_preparer.quote
        query = blob.relation.query.strip().rstrip(";").replace(":", "\\:")
        rows = f"(\n{query}\n)" if query else ".".join(map(quote_name, blob.relation.table.split(".")))
        same = " and ".join(f"r.{quote_name(k.column)} = :p{i}" for i, k in enumerate(blob.key))
        return f"select r.{quote_name(blob.column)} from {rows} r where {same}"  # noqa: S608 - quoted
