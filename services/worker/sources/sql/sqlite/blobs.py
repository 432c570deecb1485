"""Blobs of a SQLite database."""

from services.contract.spec import All, Blob, ColumnType, Kind, Operator, Relation, Term
from services.worker.sources.rows.conditions import Parameter
from services.worker.sources.sql.adbc_blobs import AdbcBlobs
from services.worker.sources.sql.sqlite import dialect
from services.worker.sources.sql.sqlite.reading import connected, names_of
from services.worker.sources.sql.sqlite.settings import SqliteSettings

_TEXT = ColumnType(Kind.TEXT)


class SqliteBlobs(AdbcBlobs):
    """The BlobReader of SQLite."""

    def __init__(self, settings: SqliteSettings) -> None:
        super().__init__(settings.id, connected(settings))

    def _names(self, relation: Relation) -> list[str]:
        return names_of(self._session, relation)

    def _rows_of(self, relation: Relation) -> str:
        return dialect.relation(relation)

    def _content(self, column: str) -> str:
        return f"cast({dialect.column(column)} as blob)"

    def _matching(self, blob: Blob, key: tuple[str, ...]) -> tuple[str, tuple[Parameter, ...]]:
        terms = (Term(k.column, _TEXT, Operator.EQUALS, (v,)) for k, v in zip(blob.key, key, strict=True))
        matching = dialect.where(All(tuple(terms)), {})
        return matching.text, matching.parameters
