import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest

from sample import DEMO_ENTITY
from sample.documents import CFDI, STAMP
from sample.generator import Generator
from sample.words import NASTY

pytestmark = pytest.mark.slow


@pytest.fixture
def db(sample_directory: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(sample_directory / "cfdi.sqlite3")) as db:
        db.row_factory = sqlite3.Row
        yield db


def test_one_seed_gives_one_set_of_rows() -> None:
    one, same, other = (list(Generator(seed).invoices(200)) for seed in (7, 7, 8))
    assert one == same
    assert one != other


def test_ids_are_uuids_of_version_four() -> None:
    generator = Generator(7)
    filed = list(generator.invoices(50))
    ids = [item.id for one in filed for item in one.items] + [payment.id for one in filed for payment in one.payments]
    ids += [entity.id for entity in generator.entities]
    assert all(UUID(id_).version == 4 and str(UUID(id_)) == id_ for id_ in ids)
    assert len(set(ids)) == len(ids)


def test_totals_are_exact_sums() -> None:
    for filed in Generator(7).invoices(300):
        invoice = filed.invoice
        assert sum(Decimal(item.amount) for item in filed.items) == Decimal(invoice.subtotal)
        owed = Decimal(invoice.subtotal) - Decimal(invoice.discount or 0) + Decimal(invoice.tax or 0)
        assert owed == Decimal(invoice.total)
        assert sum(Decimal(payment.amount) for payment in filed.payments) <= owed
        assert 1 <= len(filed.items) == invoice.item_count <= 5


def test_times_stay_in_the_period_and_sort_as_text() -> None:
    issued = [filed.invoice.issued_at for filed in Generator(7).invoices(2_000)]
    assert issued == sorted(issued)
    assert issued[0].startswith("2024-01-0")
    assert issued[-1].startswith("2026-10-3")
    assert {len(text) for text in issued} == {len("2024-01-01T00:00:00Z")}


def test_leading_zeros_and_exact_digits_are_kept(db: sqlite3.Connection) -> None:
    [demo] = db.execute("SELECT * FROM entities WHERE id = ?", [DEMO_ENTITY])
    assert demo["postal_code"] == "01210"
    assert {"01", "03"} <= {row[0] for row in db.execute("SELECT DISTINCT payment_method FROM invoices")}
    assert db.execute("SELECT count(*) FROM line_items WHERE product_code = '01010101'").fetchone()[0] > 0
    kinds = "SELECT DISTINCT typeof(total), typeof(exchange_rate) FROM invoices WHERE currency = 'USD'"
    assert [tuple(row) for row in db.execute(kinds)] == [("text", "text")]
    assert db.execute("SELECT count(*) FROM line_items WHERE unit_price NOT GLOB '*.[0-9][0-9][0-9][0-9][0-9][0-9]'"
                      ).fetchone()[0] == 0  # fmt: skip


def test_there_are_nulls_and_cancelled_invoices_and_every_type(db: sqlite3.Connection) -> None:
    [(cancelled, agree)] = db.execute(
        "SELECT sum(status = 'cancelado'), sum((status = 'cancelado') = (cancelled_at IS NOT NULL)) FROM invoices"
    )
    assert 10 < cancelled < 60
    assert agree == 1_000
    assert {row[0] for row in db.execute("SELECT DISTINCT type FROM invoices")} == set("IEPNT")
    [(nulls, empty)] = db.execute("SELECT sum(notes IS NULL), sum(notes = '') FROM invoices")
    assert nulls > 800
    assert empty > 0


def test_every_text_that_exporters_break_is_there(db: sqlite3.Connection) -> None:
    texts = "SELECT description FROM line_items UNION SELECT issuer_name FROM invoices UNION SELECT notes FROM invoices"
    assert set(NASTY) <= {row[0] for row in db.execute(texts)}


def test_each_invoice_of_the_demo_entity_has_its_document(db: sqlite3.Connection, sample_directory: Path) -> None:
    invoices = {row["uuid"]: row for row in db.execute("SELECT * FROM invoices WHERE entity_id = ?", [DEMO_ENTITY])}
    documents = {path.stem: path for path in (sample_directory / "files").rglob("*.xml")}
    assert len(invoices) == 20
    assert {path.parent.name for path in documents.values()} == {DEMO_ENTITY}
    assert invoices.keys() == documents.keys()
    for uuid, invoice in invoices.items():
        assert_same(ET.parse(documents[uuid]).getroot(), invoice)  # noqa: S314 - it was written a moment ago


def assert_same(document: ET.Element, invoice: sqlite3.Row) -> None:
    names = {"cfdi": CFDI, "tfd": STAMP}
    assert document.tag == f"{{{CFDI}}}Comprobante"
    assert (document.get("SubTotal"), document.get("Total")) == (invoice["subtotal"], invoice["total"])
    assert document.get("FormaPago") == invoice["payment_method"]
    taxes = document.find("cfdi:Impuestos", names)
    assert (None if taxes is None else taxes.get("TotalImpuestosTrasladados")) == invoice["tax"]
    for side, element in (("issuer", "Emisor"), ("receiver", "Receptor")):
        found = document.find(f"cfdi:{element}", names)
        assert found is not None
        assert (found.get("Rfc"), found.get("Nombre")) == (invoice[f"{side}_rfc"], invoice[f"{side}_name"])
    stamp = document.find("cfdi:Complemento/tfd:TimbreFiscalDigital", names)
    assert stamp is not None
    assert stamp.get("UUID") == invoice["uuid"]
    assert len(document.findall("cfdi:Conceptos/cfdi:Concepto", names)) == invoice["item_count"]
