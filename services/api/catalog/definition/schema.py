"""The JSON Schema of the catalog file, for editors. It is generated from the tables of keys that the reader uses."""

from services.api.catalog.definition import keys
from services.api.catalog.definition.keys import Schema

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The draft that editors of TOML support."""


def catalog_schema() -> Schema:
    """Return the schema.

    It checks only the form; relations between parts are checked by `exportd-api catalog check`.
    """
    return {
        "$schema": DIALECT,
        "title": "Catalog of exportd",
        "description": "What can be exported, under which names, from where.",
        **keys.table(keys.CATALOG),
    }
