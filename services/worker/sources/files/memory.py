"""How much memory reading files may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """DuckDB has `usual`, twice as much sorts no faster. When wide rows do not fit it is given each of `more`, with one
    thread: it gives up long before its limit is worth it.

    `part_rows` and `part_bytes` are what is decoded of a Parquet file at once, in a layout where each value takes 16
    bytes beside its own.
    """

    usual: str = "256MB"
    more: tuple[str, ...] = ("1GB", "2GB")
    part_rows: int = 131_072
    part_bytes: int = 48 << 20
