"""Makes specs of the collections of a catalog for checks.

They use everything that queries may use: all columns, filters, orders, parameters and attachments.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from services.api.catalog.model import Catalog, Collection
from services.contract.formats import Format
from services.contract.spec import (
    All,
    AttachmentSpec,
    ColumnSpec,
    ColumnType,
    JobSpec,
    Kind,
    Operator,
    OrderTerm,
    ReadingMode,
    TableOptions,
    Term,
    Value,
)
from services.worker.sources.check.problems import Probe

_TEXT = ColumnType(Kind.TEXT)
_BINARY = ColumnType(Kind.BINARY)
_VALUES: dict[Kind, Value] = {
    Kind.TEXT: "x",
    Kind.INTEGER: 1,
    Kind.DECIMAL: Decimal(1),
    Kind.FLOAT: 1.0,
    Kind.BOOLEAN: True,
    Kind.DATE: date(2026, 1, 1),
    Kind.TIMESTAMP: datetime(2026, 1, 1, tzinfo=UTC),
}
"""A value to compare with, for each kind that can be compared."""


def probes(catalog: Catalog) -> Iterator[Probe]:
    """Yield a probe for the rows of each collection, and for each of its attachments in a database."""
    for collection in catalog.collections:
        spec = _of_rows(collection)
        yield Probe(collection.code, spec)
        for attachment in collection.attachments:
            if attachment.blob:
                yield Probe(collection.code, _of_blob(spec, attachment), f"attachment {attachment.file_type}")


def _of_rows(collection: Collection) -> JobSpec:
    return JobSpec(
        collection=collection.code,
        source=collection.source,
        relation=collection.relation,
        key=collection.key,
        columns=tuple(column.spec for column in collection.columns),
        order=_order(collection),
        table=TableOptions(Format.JSONL),
        table_name=collection.table_name,
        filter=All(tuple(_terms(collection))),
        attachments=collection.attachments,
        reading=collection.reading,
        limits=collection.limits,
    )


def _terms(collection: Collection) -> Iterator[Term]:
    filtered = [(c.name, c.type) for c in collection.columns if c.filter]
    policies = {(c.name, c.type): c.invalid for c in collection.columns}
    bound = [(p.column, p.type) for p in collection.parameters]
    tenant = [(collection.tenant.name, collection.tenant.type)] if collection.tenant else []
    for name, type_ in dict.fromkeys([*filtered, *bound, *tenant]):
        yield Term(name, type_, Operator.EQUALS, (_VALUES[type_.kind],), invalid=policies.get((name, type_)))
    for column in collection.columns:
        if column.exists:
            yield Term(column.name, column.type, Operator.IS_NOT_NULL, (), invalid=column.invalid)


def _order(collection: Collection) -> tuple[OrderTerm, ...]:
    key = tuple(OrderTerm(name) for name in collection.key)
    if collection.reading is ReadingMode.KEYSET:
        return key
    by = [OrderTerm(column.name) for column in collection.columns if column.sort]
    names = {term.column for term in by}
    return (*by, *(term for term in key if term.column not in names))


def _of_blob(spec: JobSpec, attachment: AttachmentSpec) -> JobSpec:
    blob = attachment.blob
    assert blob  # noqa: S101 - checked by the caller
    keys = tuple(ColumnSpec(k.column, f"key{i}", "", _TEXT) for i, k in enumerate(blob.key))
    return replace(
        spec,
        source=attachment.source,
        relation=blob.relation,
        key=(),
        columns=(ColumnSpec(blob.column, "content", "", _BINARY), *keys),
        order=(),
        filter=All(),
        attachments=(),
        reading=ReadingMode.SNAPSHOT,
    )
