"""exportctl preview: the first rows, before anything is exported."""

import json
from typing import Any

import click

from exportd.v1.export_service_pb2 import PreviewExportResponse
from exportd_client.cli.exits import Exit
from exportd_client.cli.session import Session, in_session, shared_options
from exportd_client.cli.values import ColumnWithHeader


@click.command()
@click.argument("uri", required=False)
@click.option("--type", help="Code of the collection, in place of URI.")
@click.option("--query", default="", help="Filter and order, with --type.")
@click.option("--column", "columns", type=ColumnWithHeader(), multiple=True, help="In this order; repeatable.")
@click.option("--time-zone", metavar="NAME", help="Such as America/Mexico_City; default UTC.")
@click.option("--lenient", is_flag=True, help="Drop what the query has wrong, with a warning each.")
@click.option("--rows", "max_rows", type=int, default=0, help="1 to 100; default 20.")
@shared_options
@in_session
async def preview(session: Session, /, **request: Any) -> Exit:
    """Show the first rows of URI, or of a --type with a --query; nothing is exported."""
    seen = await session.client.preview(**request)
    if session.output.as_json:
        session.output.result(seen, ())
        return Exit.OK
    header = [column.header for column in seen.columns]
    session.output.table("rows", (), header, [_cells(seen, json.loads(row)) for row in seen.rows])
    for warning in seen.warnings:
        session.output.note(f"warning: {warning.code}: {warning.message}")
    session.output.note(_count(seen))
    return Exit.OK


def _cells(seen: PreviewExportResponse, row: dict[str, Any]) -> list[str]:
    return [_text(_value(row, column.field)) for column in seen.columns]


def _value(row: Any, field: str) -> Any:
    """Of "issuer.rfc", the rfc of the issuer; a field may also have dots of its own."""
    if isinstance(row, dict) and field in row:
        return row[field]
    parent, _, rest = field.partition(".")
    return _value(row.get(parent), rest) if rest and isinstance(row, dict) else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _count(seen: PreviewExportResponse) -> str:
    count = len(seen.rows)
    if not seen.rows_total:
        return f"the first {count:,} rows; how many there are is not known" if count else "no row matches"
    return f"the first {count:,} of {seen.rows_total:,} rows" if seen.rows_total > count else f"all {count:,} rows"
