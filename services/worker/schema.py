"""The Arrow schema of rows between a source and a writer."""

import pyarrow as pa

from services.contract.spec import ColumnSpec, ColumnType, JobSpec, Kind

_TYPES: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.large_string(),
    Kind.INTEGER: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("us"),
    Kind.TIMESTAMP: pa.timestamp("us", "UTC"),
    Kind.DURATION: pa.duration("us"),
    Kind.JSON: pa.large_string(),  # the JSON text itself
    Kind.BINARY: pa.large_binary(),
}


def arrow_type(type_: ColumnType) -> pa.DataType:
    """Return the Arrow type of a column type."""
    if type_.kind is Kind.DECIMAL:
        return pa.decimal128(type_.precision, type_.scale)
    return _TYPES[type_.kind]


def arrow_schema(columns: tuple[ColumnSpec, ...]) -> pa.Schema:
    """Return a schema with one nullable field for each column, named by its `field`, in order."""
    return pa.schema([pa.field(c.field, arrow_type(c.type)) for c in columns])


def hidden_name(column: str) -> str:
    """Return the name in a batch of a source column that is not in the table but needed to find attachments."""
    return f"\x00{column}"


def hidden_columns(spec: JobSpec) -> tuple[str, ...]:
    """Return the source columns that attachments need, each once.

    They are the key (part of entry names), the placeholders and the keys of blobs.
    """
    filling = [name for a in spec.attachments for name in placeholders(a.path)]
    finding = [key.row_column for a in spec.attachments if a.blob for key in a.blob.key]
    return tuple(dict.fromkeys([*spec.key, *filling, *finding])) if spec.attachments else ()


def placeholders(path: str) -> tuple[str, ...]:
    """Return the names in braces of an attachment's path, in order of appearance."""
    return tuple(part.split("}", 1)[0] for part in path.split("{")[1:])
