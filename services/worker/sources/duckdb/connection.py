"""Setup of every connection to DuckDB, and its errors."""

import re
from typing import TYPE_CHECKING

from services.worker.sources.duckdb.dialect import FOLDED, UNDECIDABLE
from services.worker.sources.rows import filtering
from services.worker.sources.rows.conditions import literal

if TYPE_CHECKING:
    import duckdb


def register(connection: "duckdb.DuckDBPyConnection", time_zone: str) -> None:
    """Prepare a connection for statements of the dialect. Timestamps without a zone are in `time_zone`."""
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
    # It takes a child for somebody at a prompt, since its main module is no file.
    connection.execute("set enable_progress_bar = false")


_PLACE = re.compile(rf"{UNDECIDABLE}([0-9]{{1,9}})")


def undecidable_place(error: Exception) -> int | None:
    """Return the index in dialect.doubtful_places of the column whose invalid value decides whether its row matches.

    None for other errors.
    """
    place = _PLACE.search(str(error))
    return int(place[1]) if place else None
