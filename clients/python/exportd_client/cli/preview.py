"""exportctl preview: shows the first rows before anything is exported."""

import sys
from typing import Any

import click

from exportd.v1.export_service_pb2 import PreviewExportResponse
from exportd_client import ColumnType
from exportd_client.cli import exact_json
from exportd_client.cli.as_json import plain
from exportd_client.cli.exits import Exit
from exportd_client.cli.options import Text, shared_options
from exportd_client.cli.session import Session, in_session
from exportd_client.cli.streams import is_unicode
from exportd_client.cli.tables import Column
from exportd_client.cli.values import COLLECTION_CODE, COLLECTION_URI, ColumnWithHeader

# Types whose values are never cut.
_NUMBERS = (ColumnType.KIND_INTEGER, ColumnType.KIND_DECIMAL, ColumnType.KIND_FLOAT)
_TIMES = (ColumnType.KIND_DATE, ColumnType.KIND_TIME, ColumnType.KIND_TIMESTAMP)


@click.command()
@click.argument("uri", required=False, type=COLLECTION_URI)
@click.option("--type", type=COLLECTION_CODE, help="Code of the collection, in place of URI.")
@click.option("--query", default="", help="Filter and order; only with --type.")
@click.option(
    "--column", "columns", type=ColumnWithHeader(), multiple=True, help="Column to show, in this order; repeatable."
)
@click.option("--time-zone", type=Text(), metavar="NAME", help="IANA name, such as America/Mexico_City; default UTC.")
@click.option("--lenient", is_flag=True, help="Drop unknown and invalid query parameters, with a warning for each.")
@click.option(
    "--rows", "max_rows", type=click.IntRange(1, 100), default=20, show_default=True, help="Maximum number of rows."
)
@shared_options
@in_session
async def preview(session: Session, /, **request: Any) -> Exit:
    """Show the first rows of URI, or of a --type with a --query; nothing is exported."""
    seen = await session.client.preview(**request)
    rows = [exact_json.loads(row) for row in seen.rows]
    if session.output.as_json:
        print(exact_json.dumps(plain(seen) | {"rows": rows}, ascii_only=not is_unicode(sys.stdout)), flush=True)
        return Exit.OK
    columns = [_column(column) for column in seen.columns]
    session.output.records(columns, [_cells(seen, row) for row in rows])
    for warning in seen.warnings:
        session.output.note(f"warning: {warning.code}: {warning.message}")
    session.output.note(_count(seen))
    return Exit.OK


def _column(column: Any) -> Column:
    kind = column.type.kind
    return Column(column.header, right=kind in _NUMBERS, flexible=kind not in (*_NUMBERS, *_TIMES))


def _cells(seen: PreviewExportResponse, row: dict[str, Any]) -> list[str]:
    return [_text(_value(row, column.field)) for column in seen.columns]


def _value(row: Any, field: str) -> Any:
    """Return the value of a field: "issuer.rfc" is the rfc of the issuer.

    The name of a field may itself contain dots.
    """
    if isinstance(row, dict) and field in row:
        return row[field]
    parent, _, rest = field.partition(".")
    return _value(row.get(parent), rest) if rest and isinstance(row, dict) else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else exact_json.dumps(value)


def _count(seen: PreviewExportResponse) -> str:
    count = len(seen.rows)
    if not seen.rows_total:
        return f"the first {count:,} rows; the total is not known" if count else "no row matches"
    return f"the first {count:,} of {seen.rows_total:,} rows" if seen.rows_total > count else f"all {count:,} rows"
