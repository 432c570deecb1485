"""Writes the invoices to `cfdi.sqlite3`, and the XML of the demo entity's invoices to `files/`."""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from sample import DEMO_ENTITY, documents, tables
from sample.generator import Generator
from sample.records import Entity, Filed, Invoice, LineItem, Payment
from sample.tables import Table

_CHUNK = 5_000


def _table(name: str, record: type[Any], key: tuple[str, ...], *indexes: tuple[str, ...]) -> Table:
    """Return a table with a column for each field of the record. A field that may be None may be null."""
    hints = get_type_hints(record)
    return Table(name, {field: _declared(hint) for field, hint in hints.items()}, key, indexes)


def _declared(hint: Any) -> str:
    types = get_args(hint) or (hint,)
    sql_type = "INTEGER" if int in types else "TEXT"
    return sql_type if NoneType in types else f"{sql_type} NOT NULL"


ENTITIES = _table("entities", Entity, ("id",))
INVOICES = _table("invoices", Invoice, ("uuid",), ("entity_id", "issued_at", "uuid"), ("issued_at", "uuid"))
LINE_ITEMS = _table("line_items", LineItem, ("id",), ("entity_id", "issued_at", "id"), ("invoice_uuid", "position"))
PAYMENTS = _table("payments", Payment, ("id",), ("entity_id", "paid_at", "id"), ("invoice_uuid", "installment"))
TABLES = (ENTITIES, INVOICES, LINE_ITEMS, PAYMENTS)


def build(directory: Path, *, invoices: int, seed: int) -> Iterator[tuple[str, int]]:
    """Write `cfdi.sqlite3` and `files/{entity id}/{uuid}.xml`; then yield name and row count of each table."""
    generator = Generator(seed)
    files = directory / "files" / DEMO_ENTITY
    files.mkdir(parents=True)
    with tables.new_database(directory / "cfdi.sqlite3") as db:
        for table in TABLES:
            tables.create(db, table)
        tables.insert(db, ENTITIES, generator.entities)
        for chunk in _chunks(generator.invoices(invoices)):
            _insert(db, chunk)
            _write_documents(files, chunk)
        for table in TABLES:
            tables.index(db, table)
            yield table.name, tables.count(db, table)


def _insert(db: sqlite3.Connection, chunk: list[Filed]) -> None:
    tables.insert(db, INVOICES, (filed.invoice for filed in chunk))
    tables.insert(db, LINE_ITEMS, (item for filed in chunk for item in filed.items))
    tables.insert(db, PAYMENTS, (payment for filed in chunk for payment in filed.payments))


def _write_documents(files: Path, chunk: list[Filed]) -> None:
    for filed in chunk:
        if filed.invoice.entity_id == DEMO_ENTITY:
            (files / f"{filed.invoice.uuid}.xml").write_bytes(documents.xml(filed))


def _chunks(filed: Iterable[Filed]) -> Iterator[list[Filed]]:
    rest = iter(filed)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
