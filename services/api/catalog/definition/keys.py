"""The keys of every table of the catalog file: what each means, and the JSON Schema of its value.

The reader refuses keys that are not listed here. The JSON Schema for editors is generated from the same tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.api.catalog.definition.source_kinds import SOURCE_KINDS
from services.api.catalog.model import Match, Nulls
from services.contract.formats import Format
from services.contract.spec import Invalid, Kind, Mask, Paging, ReadingMode

Schema = dict[str, Any]

MAX_DIGITS = 38
ROW_LIMITS = range(1, 10**12 + 1)
ITEM_LIMITS = range(1, 10**6 + 1)
SECONDS = range(86_401)
PAGES = range(10**6 + 1)

MAX_COLLECTION_BYTES = 768 << 10
"""The most bytes that a collection shows: its texts, and COLUMN_BYTES for each column.

Messages of exports and previews contain its columns, and clients accept messages of up to 4 MiB.
"""

COLUMN_BYTES = 32
"""The size of a column without its texts."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its description, the JSON Schema of its value, and whether it is required."""

    doc: str
    schema: Schema
    needed: bool = False


Keys = Mapping[str, Key]


def text(**more: Any) -> Schema:
    """Return the schema of a text that is not empty."""
    return {"type": "string", "minLength": 1, **more}


def choice(*known: str) -> Schema:
    """Return the schema of a choice of texts."""
    return {"type": "string", "enum": [*known]}


def number(allowed: range) -> Schema:
    """Return the schema of an integer in the range `allowed`."""
    return {"type": "integer", "minimum": allowed.start, "maximum": allowed.stop - 1}


def texts(of: Schema) -> Schema:
    """Return the schema of a list without repetitions; a single element needs no list."""
    return {"oneOf": [of, {"type": "array", "items": of, "uniqueItems": True}]}


def named(of: Schema, **more: Any) -> Schema:
    """Return the schema of a table with arbitrary names."""
    return {"type": "object", "additionalProperties": of, **more}


def table(keys: Keys, **more: Any) -> Schema:
    """Return the schema of a table that allows only these keys."""
    return {
        "type": "object",
        "properties": {name: {"description": key.doc, **key.schema} for name, key in keys.items()},
        "required": [name for name, key in keys.items() if key.needed],
        "additionalProperties": False,
        **more,
    }


FLAG: Schema = {"type": "boolean"}
TYPE: Schema = {
    "type": "string",
    "anyOf": [
        {"enum": [kind.value for kind in Kind if kind is not Kind.DECIMAL]},
        {"pattern": r"^decimal\(\s*[0-9]{1,2}\s*,\s*[0-9]{1,2}\s*\)$"},
    ],
}

SOURCE: Keys = {
    "kind": Key(
        "Kind of the source. Its address and credentials are in the worker's sources file.", choice(*SOURCE_KINDS), True
    ),
}

COLUMN: Keys = {
    "field": Key("Name of the column for callers, in queries and JSON; dots make nested objects.", text(), True),
    "name": Key("Name of the column in the source. Default: field.", text()),
    "header": Key("Header of the column in XLSX and CSV. Default: field.", text()),
    "type": Key("Type of the values. Default: text.", TYPE),
    "filter": Key(
        "Whether queries may filter by the column. Default: true, unless it is masked or its type has no comparison.",
        FLAG,
    ),
    "exists": Key(
        "Whether queries may test the column with exists. Default: true, unless filter is false or it is masked.", FLAG
    ),
    "sort": Key(
        "Whether queries may sort by the column. Default: the value of filter; with http false, unless http.order "
        "has the column.",
        FLAG,
    ),
    "match": Key(
        "How field=value compares text; names that begin with i ignore case. Default: exact.",
        choice(*(m.value for m in Match)),
    ),
    "include_null_before": Key("Whether nulls match [before] and [strictly_before]. Default: false.", FLAG),
    "include_null_after": Key("Whether nulls match [after] and [strictly_after]. Default: false.", FLAG),
    "nulls": Key("Where nulls are when rows are sorted by it. Default: last.", choice(*(n.value for n in Nulls))),
    "mask": Key(
        "What the file shows instead of a value: *** (redact), a keyed hash (hash), or the last four characters "
        "(last4).",
        choice(*(m.value for m in Mask)),
    ),
    "invalid": Key(
        "What happens to a value that is not of the type. refuse: the export fails. null: the file has null. text: the "
        "file has the text of the value, and the whole column is text. Default: refuse; for the type json: text.",
        choice(*(i.value for i in Invalid)),
    ),
}

PARAMETER: Keys = {
    "column": Key("The column of the source that must be equal to the parameter.", text(), True),
    "type": Key("Type of that column. Default: text.", TYPE),
    "optional": Key(
        "Whether callers who name the collection by its code may leave the parameter out. Default: false.", FLAG
    ),
}

ATTACHMENT: Keys = {
    "source": Key("Id of a source of kind folder, object, http or sql.", text(), True),
    "path": Key("Path of the file, with {column} for values of the row; with sql: name of the file.", text(), True),
    "column": Key("Only with sql, and required there: the binary column that holds the file.", text()),
    "table": Key("With sql: the table of that column. Default: the table of the collection.", text()),
    "query": Key("With sql, instead of table: a SELECT with that column.", text()),
    "key": Key(
        "With sql: which row of that table holds the file, as column of that table = column of the collection's row. "
        "Default: the key of the collection.",
        named(text()),
    ),
}

LIMITS: Keys = {
    "max_rows": Key("Maximum number of rows; an export of more rows fails. Default: no limit.", number(ROW_LIMITS)),
    "max_items_per_page": Key("Maximum of itemsPerPage in queries. Default: 1000.", number(ITEM_LIMITS)),
    "max_snapshot_seconds": Key(
        "How long a snapshot of a database may last. Default: no limit.", number(range(1, SECONDS.stop))
    ),
}

HTTP: Keys = {
    "path": Key(
        "Path below the URL of the source; {column} is the value that the caller's query or path has for the column.",
        text(),
        True,
    ),
    "items": Key("Dotted path of the list of items in a response. Default: the response, or its hydra:member.", text()),
    "paging": Key("How the next page is found. Default: link.", choice(*(p.value for p in Paging))),
    "next": Key("Dotted path of the next link or cursor. Default: hydra:next, or the header Link.", text()),
    "parameter": Key(
        "Only with paging cursor or page, and required there: the URL parameter for the cursor or page number.", text()
    ),
    "first_page": Key("With paging page: number of the first page. Default: 1.", number(PAGES)),
    "size_parameter": Key("The URL parameter for page_size.", text()),
    "page_size": Key("Number of items that a page should have; needs size_parameter.", number(range(1, PAGES.stop))),
    "total": Key("Dotted path of the number of all items. Default: hydra:totalItems, if there is one.", text()),
    "filters": Key(
        "Comparisons that the API can make: comparison of a query (field, field[after], exists[field] …) = URL "
        "parameter of the API.",
        named(text()),
    ),
    "order": Key(
        "Fields that the API can sort by: field = URL parameter of the API, which takes asc or desc.", named(text())
    ),
}

COLLECTION: Keys = {
    "path": Key(
        'Path of the collection for callers, such as "/entities/{entityId}/invoices".', text(pattern="^/"), True
    ),
    "description": Key("Description for callers.", text()),
    "source": Key("Id of the source of the rows.", text(), True),
    "table": Key("Only with sql, instead of query: a table or view.", text()),
    "query": Key("Only with sql, instead of table: a SELECT.", text()),
    "file": Key("Only with parquet and csv, and required there: path or glob below the source's root.", text()),
    "http": Key("Only with http, and required there: how the pages of the API are read.", table(HTTP)),
    "key": Key("The columns of the source that identify a row; optional for parquet and csv.", texts(text())),
    "formats": Key("The formats that callers may choose.", texts(choice(*Format.__members__)), True),
    "order": Key('Default order: fields; a "-" before a field sorts from high to low.', texts(text())),
    "tenant_column": Key(
        "The column of the source that holds the tenant of a row; a caller gets only rows of its tenant.", text()
    ),
    "tenant_type": Key("Type of that column. Default: text.", choice("text", "integer")),
    "changed": Key("The field, a timestamp, that says when a row last changed; for changed_since.", text()),
    "changed_overlap_seconds": Key(
        "since_export begins this long before the earlier export. Set it to more than your longest transaction. "
        "Default: 300.",
        number(SECONDS),
    ),
    "reading": Key(
        "How a database is read. With keyset the only possible order is the key. Default: snapshot.",
        choice(*(r.value for r in ReadingMode)),
    ),
    "limits": Key("Limits of an export.", table(LIMITS)),
    "parameters": Key("The parameters of the path, by name.", named(table(PARAMETER))),
    "columns": Key("The columns, in order.", {"type": "array", "items": table(COLUMN), "minItems": 1}, True),
    "attachments": Key("Files that can be bundled, by file type.", named(table(ATTACHMENT))),
}

CATALOG: Keys = {
    "sources": Key("The sources, by id.", named(table(SOURCE))),
    "collections": Key("The collections, by code.", named(table(COLLECTION), minProperties=1), True),
}
