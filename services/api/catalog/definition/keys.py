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
    "kind": Key("Its kind. Address and credentials are in the worker's sources file.", choice(*SOURCE_KINDS), True),
}

COLUMN: Keys = {
    "field": Key("Its name in queries and JSON; dots make nested objects.", text(), True),
    "name": Key("Its name in the source. Default: field.", text()),
    "header": Key("Its header in XLSX and CSV. Default: field.", text()),
    "type": Key("Type of its values. Default: text.", TYPE),
    "filter": Key("Whether queries may compare it. Default: true, unless masked or of a type that cannot.", FLAG),
    "exists": Key("Whether queries may test it with exists. Default: true, unless filter is false or masked.", FLAG),
    "sort": Key("Whether queries may order by it. Default: as filter; with http never what is not in its order.", FLAG),
    "match": Key(
        "How field=value compares text; the i forms ignore case. Default: exact.", choice(*(m.value for m in Match))
    ),
    "include_null_before": Key("Whether nulls match [before] and [strictly_before]. Default: false.", FLAG),
    "include_null_after": Key("Whether nulls match [after] and [strictly_after]. Default: false.", FLAG),
    "nulls": Key("Where nulls stand in an order by it. Default: last.", choice(*(n.value for n in Nulls))),
    "mask": Key(
        "What the file shows instead of a value: *** (redact), a keyed hash, or the last four characters.",
        choice(*(m.value for m in Mask)),
    ),
    "invalid": Key(
        "What becomes of a value that is not of the type: the export fails (refuse), null stands for it, or its text, "
        "and then the whole column is text. Default: refuse; with json text.",
        choice(*(i.value for i in Invalid)),
    ),
}

PARAMETER: Keys = {
    "column": Key("The column of the source that must be equal to it.", text(), True),
    "type": Key("Type of that column. Default: text.", TYPE),
    "optional": Key("Whether it may be left out by callers who name the collection by its code. Default: false.", FLAG),
}

ATTACHMENT: Keys = {
    "source": Key("Id of a source of kind folder, object, http or sql.", text(), True),
    "path": Key("Path of the file, with {column} for values of the row; with sql: its name.", text(), True),
    "column": Key("With sql, where it is needed: the binary column that holds the file.", text()),
    "table": Key("With sql: the table of that column. Default: the collection's, of the same source.", text()),
    "query": Key("With sql, instead of table: a SELECT with that column.", text()),
    "key": Key("With sql: columns there = the row's columns that they are equal to. Default: the key.", named(text())),
}

LIMITS: Keys = {
    "max_rows": Key("An export of more rows fails. Default: no limit.", number(ROW_LIMITS)),
    "max_items_per_page": Key("Maximum of itemsPerPage. Default: 1000.", number(ITEM_LIMITS)),
    "max_snapshot_seconds": Key(
        "How long a snapshot of a database may last. Default: no limit.", number(range(1, SECONDS.stop))
    ),
}

HTTP: Keys = {
    "path": Key(
        "Path below the source's base URL; {column} is the value that the query or the path gives.", text(), True
    ),
    "items": Key("Dotted path of the list in an answer. Default: the answer itself, or its hydra:member.", text()),
    "paging": Key("How the next page is found. Default: link.", choice(*(p.value for p in Paging))),
    "next": Key("Dotted path of the next link or cursor. Default: hydra:next, or the header Link.", text()),
    "parameter": Key("With cursor and page, where it is needed: the parameter that takes it.", text()),
    "first_page": Key("With page: the number of the first one. Default: 1.", number(PAGES)),
    "size_parameter": Key("The parameter that takes page_size.", text()),
    "page_size": Key("Items to ask for at once; needs size_parameter.", number(range(1, PAGES.stop))),
    "total": Key("Dotted path of the number of all items. Default: hydra:totalItems, if there is one.", text()),
    "filters": Key(
        "Comparisons that the API makes itself: ours (field, field[after], exists[field] …) = its parameter.",
        named(text()),
    ),
    "order": Key("Fields that the API sorts by itself: field = its parameter, which takes asc or desc.", named(text())),
}

COLLECTION: Keys = {
    "path": Key('Its path, such as "/entities/{entityId}/invoices".', text(pattern="^/"), True),
    "description": Key("Description, shown to callers.", text()),
    "source": Key("Id of the source of its rows.", text(), True),
    "table": Key("With sql: a table or view.", text()),
    "query": Key("With sql: a SELECT.", text()),
    "file": Key("With parquet and csv: a path or glob below the source's root.", text()),
    "http": Key("With http: where its items are, page by page.", table(HTTP)),
    "key": Key("The columns of the source that identify a row; files may do without.", texts(text())),
    "formats": Key("The formats it is offered in.", texts(choice(*Format.__members__)), True),
    "order": Key('Its default order: fields, with a "-" before those from high to low.', texts(text())),
    "tenant_column": Key("The column of the source that holds the caller's tenant in every row that it gets.", text()),
    "tenant_type": Key("Type of that column. Default: text.", choice("text", "integer")),
    "changed": Key("The field of a timestamp that says when a row last changed, for changed_since.", text()),
    "changed_overlap_seconds": Key(
        "How far before the last export since_export begins; no less than the longest transaction. Default: 300.",
        number(SECONDS),
    ),
    "reading": Key(
        "How a database is read; by keyset the only order is the key. Default: snapshot.",
        choice(*(r.value for r in ReadingMode)),
    ),
    "limits": Key("Limits of an export.", table(LIMITS)),
    "parameters": Key("The parameters of the path, by name.", named(table(PARAMETER))),
    "columns": Key("The columns, in order.", {"type": "array", "items": table(COLUMN), "minItems": 1}, True),
    "attachments": Key("Files that can be bundled, by file type.", named(table(ATTACHMENT))),
}

CATALOG: Keys = {
    "sources": Key("Where data is, by id.", named(table(SOURCE))),
    "collections": Key("What can be exported, by code.", named(table(COLLECTION), minProperties=1), True),
}
