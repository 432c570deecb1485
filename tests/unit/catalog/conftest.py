import pytest

from services.api.catalog.definition.file import load
from services.api.catalog.model import Catalog, Collection

SOUND = """
[sources.books]
kind = "sql"
[sources.trips]
kind = "parquet"
[sources.papers]
kind = "folder"

[collections.Invoices]
path = "/entities/{entityId}/invoices"
description = "Invoices of an entity."
source = "books"
table = "invoices"
key = ["id"]
formats = ["XLSX", "CSV", "JSON", "JSONL"]
order = ["-issuedAt"]
columns = [
  { field = "id", type = "integer" },
  { field = "issuedAt", name = "issued_at", type = "timestamp", header = "Issued at" },
  { field = "dueOn", name = "due_on", type = "date" },
  { field = "issuer.rfc", name = "issuer_rfc" },
  { field = "issuer.id", name = "entity_id" },
  { field = "status" },
  { field = "total", type = "decimal(18,2)" },
  { field = "rate", type = "float" },
  { field = "paid", type = "boolean" },
  { field = "raw", type = "json" },
  { field = "pages", type = "integer" },
  { field = "secret", filter = false },
  { field = "note", sort = false },
]
[collections.Invoices.parameters.entityId]
column = "entity_id"
[collections.Invoices.attachments."invoice.cfdi.xml"]
source = "papers"
path = "{entity_id}/{uuid}.xml"
[collections.Invoices.attachments."invoice.pdf"]
source = "papers"
path = "{uuid}.pdf"

[collections.Items]
path = "/entities/{entityId}/invoices/line-items"
source = "books"
query = "SELECT * FROM items"
key = ["invoice_id", "position"]
formats = ["CSV"]
columns = [{ field = "position", type = "integer" }, { field = "invoice", name = "invoice_id", type = "integer" }]
parameters.entityId = { column = "entity_id", type = "integer", optional = true }

[collections.Flights]
path = "/flights"
source = "trips"
file = "2013/*.parquet"
key = "id"
formats = ["JSON"]
columns = [{ field = "carrier" }]
"""


@pytest.fixture
def sound() -> str:
    return SOUND


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    path = tmp_path_factory.mktemp("catalog") / "catalog.toml"
    path.write_text(SOUND, encoding="utf-8")
    return load(path)


@pytest.fixture(scope="session")
def invoices(catalog: Catalog) -> Collection:
    found = catalog.by_code("Invoices")
    assert found
    return found
