"""The JSON Schema of the catalog file, for editors: made of the same tables of keys that the reader goes by."""

from services.api.catalog.definition import keys
from services.api.catalog.definition.keys import Schema

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The one that editors of TOML understand."""


def catalog_schema() -> Schema:
    """What a file must look like; what its parts have to do with each other is left to `exportd-api catalog check`."""
    return {
        "$schema": DIALECT,
        "title": "Catalog of exportd",
        "description": "What can be exported, under which names, from where.",
        **keys.table(keys.CATALOG),
    }
