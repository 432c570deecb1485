"""Shows the catalog to people and to programs."""

from collections.abc import Iterator
from typing import Any

from services.api.catalog.model import Catalog, CatalogColumn, Collection, FieldOrder
from services.contract.spec import AttachmentSpec, Relation


def as_json(catalog: Catalog) -> dict[str, Any]:
    """Return the catalog as JSON, with all defaults filled in."""
    return {"collections": [collection_as_json(c) for c in catalog.collections]}


def collection_as_json(collection: Collection) -> dict[str, Any]:
    """Return one collection as JSON. What it does not have is null or empty."""
    limits, changed = collection.limits, collection.changed
    return {
        "code": collection.code,
        "path": collection.path,
        "description": collection.description,
        "source": {"id": collection.source.id, "kind": collection.source.kind},
        "rows": rows(collection.relation),
        "key": list(collection.key),
        "formats": [f.value for f in collection.formats],
        "order": [_order(term) for term in collection.order],
        "reading": collection.reading.value,
        "tenant_column": collection.tenant.name if collection.tenant else None,
        "changed": changed.column.field if changed else None,
        "changed_overlap_seconds": changed.overlap_s if changed else None,
        "limits": {
            "max_rows": limits.max_rows or None,
            "max_items_per_page": collection.max_items_per_page,
            "max_snapshot_seconds": limits.max_snapshot_s or None,
        },
        "parameters": [
            {"name": p.name, "column": p.column, "type": str(p.type), "optional": p.name not in collection.demanded}
            for p in collection.parameters
        ],
        "columns": [_column(c) for c in collection.columns],
        "attachments": [_attachment(a) for a in collection.attachments],
    }


def as_text(catalog: Catalog) -> Iterator[str]:
    """Yield the lines of a text: each collection with its columns, and what queries may do with them."""
    for collection in catalog.collections:
        yield f"{collection.code}  {collection.path}"
        yield f"  from {collection.source.kind} {collection.source.id}: {rows(collection.relation)}"
        yield from (f"  {line}" for line in _facts(collection))
        yield from (f"    {line}" for line in _columns(collection))
        yield ""


def rows(relation: Relation) -> str:
    """Return where the rows are, in a few words: "table orders"."""
    if relation.http:
        return f"http {relation.http.path}"
    named = {"table": relation.table, "query": relation.query, "file": relation.path}
    return next(f"{name} {text}" for name, text in named.items() if text)


def _facts(collection: Collection) -> Iterator[str]:
    yield f"formats {', '.join(f.value for f in collection.formats)}"
    yield f"key {', '.join(collection.key) or 'none: the place in the files'}"
    if collection.order:
        yield f"order {', '.join(map(_order, collection.order))}"
    if collection.tenant:
        yield f"tenant by {collection.tenant.name}"
    if collection.changed:
        yield f"changed {collection.changed.column.field}"
    for attachment in collection.attachments:
        yield f"attachment {attachment.file_type}: {attachment.source.kind} {attachment.source.id}, {attachment.path}"


def _columns(collection: Collection) -> Iterator[str]:
    fields = max(len(c.field) for c in collection.columns)
    types = max(len(str(c.type)) for c in collection.columns)
    for column in collection.columns:
        uses = [use for use in ("filter", "exists", "sort") if getattr(column, use)]
        mask = f"  masked: {column.mask.value}" if column.mask else ""
        yield f"{column.field:{fields}}  {column.type!s:{types}}  {', '.join(uses) or '-'}{mask}"


def _column(column: CatalogColumn) -> dict[str, Any]:
    return {
        "field": column.field,
        "name": column.name,
        "header": column.header,
        "type": str(column.type),
        "filter": column.filter,
        "exists": column.exists,
        "sort": column.sort,
        "match": column.match.value,
        "include_null_before": column.include_null_before,
        "include_null_after": column.include_null_after,
        "nulls": column.nulls.value,
        "mask": column.mask.value if column.mask else None,
    }


def _order(term: FieldOrder) -> str:
    return ("-" if term.descending else "") + term.column.field


def _attachment(attachment: AttachmentSpec) -> dict[str, Any]:
    return {
        "file_type": attachment.file_type,
        "source": {"id": attachment.source.id, "kind": attachment.source.kind},
        "path": attachment.path,
        "column": attachment.blob.column if attachment.blob else None,
    }
