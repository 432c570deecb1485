"""What every connection to DuckDB needs, and what its errors say."""

from typing import TYPE_CHECKING

from services.worker.sources.duckdb.dialect import FOLDED
from services.worker.sources.duckdb.types import INVALID
from services.worker.sources.rows import filtering
from services.worker.sources.rows.conditions import literal

if TYPE_CHECKING:
    import duckdb


def register(connection: "duckdb.DuckDBPyConnection", time_zone: str) -> None:
    """Let statements of the dialect run, with timestamps without a zone in `time_zone`."""
    from duckdb.func import ARROW  # noqa: PLC0415 - only a child that reads needs it

    connection.create_function(
        FOLDED,
        lambda text: filtering.folded(text.combine_chunks()),
        ["VARCHAR"],
        "VARCHAR",
        type=ARROW,
        side_effects=False,
    )
    connection.execute(f"set TimeZone = {literal(time_zone)}")


def invalid_column(error: Exception) -> str:
    """The column of which an error says that a value is not of its type; empty for other errors."""
    return str(error).partition(INVALID)[2].partition("\n")[0]
