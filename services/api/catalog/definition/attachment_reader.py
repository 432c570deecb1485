"""Reads the attachments of a collection in the catalog file."""

import re
from pathlib import PurePosixPath

from services.api.catalog.definition.source_kinds import ATTACHMENT_KINDS, AttachmentPlace, kind_of
from services.contract.spec import AttachmentSpec, Blob, BlobKey, Relation, SourceRef
from services.runtime.toml import Table

_PLACEHOLDERS = re.compile(r"([^{}]|\{[^{}]+\})*")
_OF_SQL = ("column", "table", "query", "key")


def read_attachment(
    table: Table, file_type: str, source: SourceRef, rows: tuple[SourceRef, Relation, tuple[str, ...]]
) -> AttachmentSpec:
    """Read a table `[collections.CODE.attachments."FILE TYPE"]`.

    `rows` are source, relation and key of the collection.
    """
    if not file_type.strip():
        table.wrong("", "a file type cannot be empty")
    kind = kind_of(source)
    if kind and kind.attachments is None:
        allowed = ", ".join(ATTACHMENT_KINDS)
        table.wrong("source", f"{source.id} is of kind {source.kind}; attachments come from {allowed}")
    place = kind.attachments if kind else None
    path = table.text("path")
    check_placeholders(table, "path", path)
    if place is not AttachmentPlace.URL:
        check_below_root(table, "path", path)
    if place in (AttachmentPlace.FILE, AttachmentPlace.URL):
        _check_not_of_sql(table, source)
    return AttachmentSpec(
        file_type, source, path, _blob(table, source, rows) if place is AttachmentPlace.COLUMN else None
    )


def _check_not_of_sql(table: Table, source: SourceRef) -> None:
    for key in _OF_SQL:
        if table.has(key):
            table.wrong(key, f"is for sources of kind sql, and {source.id} is of kind {source.kind}")


def _blob(table: Table, source: SourceRef, rows: tuple[SourceRef, Relation, tuple[str, ...]]) -> Blob:
    of_rows, relation, names = rows
    own = Relation(table=table.text("table", ""), query=table.text("query", ""))
    if own.table and own.query:
        table.wrong("query", "give either table or query")
    if own == Relation() and (of_rows != source or not relation.table):
        table.wrong("table", "is missing: the rows of the collection are not a table of that source")
    pairs = table.pairs("key") or {name: name for name in names}
    return Blob(relation if own == Relation() else own, table.text("column"), _blob_key(pairs))


def _blob_key(pairs: dict[str, str]) -> tuple[BlobKey, ...]:
    return tuple(BlobKey(column, row_column) for column, row_column in pairs.items())


def check_placeholders(table: Table, key: str, path: str) -> None:
    """Note a mistake if braces are not balanced."""
    if not _PLACEHOLDERS.fullmatch(path):
        table.wrong(key, "a placeholder is written {column}, with a name and both braces")


def check_below_root(table: Table, key: str, path: str) -> None:
    """Note a mistake if the path leads out of the source's root."""
    if path.startswith("/") or "\\" in path or ".." in PurePosixPath(path).parts:
        table.wrong(key, "must be below the source's root: no / at the start, no .. and no backslash")
