"""Blobs of a PostgreSQL database."""

from services.contract.codes import FailureCode
from services.contract.spec import Blob, Relation
from services.worker.sources import errors
from services.worker.sources.attachments.blobs import BlobStart
from services.worker.sources.rows.conditions import Parameter, quoted
from services.worker.sources.sql.adbc_blobs import AdbcBlobs
from services.worker.sources.sql.postgres import dialect, guards
from services.worker.sources.sql.postgres.reading import connected
from services.worker.sources.sql.postgres.settings import PostgresSettings


class PostgresBlobs(AdbcBlobs):
    """The BlobReader of PostgreSQL."""

    def __init__(self, settings: PostgresSettings) -> None:
        super().__init__(settings.id, connected(settings))
        self._types: dict[tuple[Relation, str], str] = {}
        self._session.rows("set session characteristics as transaction isolation level repeatable read, read only")
        self._session.rows(f"set statement_timeout = {int(settings.statement_timeout_s * 1_000)}")
        for name, value in guards.options(settings.lock_timeout_s).items():
            self._session.rows(f"set {name} = {value}")
        self._session.end()

    def find(self, blob: Blob, key: tuple[str, ...]) -> BlobStart | None:
        """See BlobReader."""
        try:
            return super().find(blob, key)
        except errors.SourceFailed as failed:
            if failed.code is not FailureCode.VALUE_INVALID:
                raise
            return None  # the text is not a value of the key's type, so no row has it

    def _rows_of(self, relation: Relation) -> str:
        return dialect.relation(relation)

    def _content(self, column: str) -> str:
        return f"r.{quoted(column)}"

    def _matching(self, blob: Blob, key: tuple[str, ...]) -> tuple[str, tuple[Parameter, ...]]:
        # The key is compared with the column's own type, so that an index can be used.
        types = [self._type(blob.relation, k.column) for k in blob.key]
        typed = enumerate(zip(blob.key, types, strict=True), 1)
        same = [f"r.{quoted(key.column)} = ${n}::text::{type_}" for n, (key, type_) in typed]
        return " and ".join(same), key

    def _type(self, relation: Relation, column: str) -> str:
        if (relation, column) not in self._types:
            rows = f"select r.{quoted(column)} from {self._rows_of(relation)} limit 1"  # noqa: S608 - quoted
            self._types[relation, column] = self._session.rows(f"select pg_typeof(({rows}))::text")[0][0]
        return self._types[relation, column]
