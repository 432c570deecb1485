"""Memory limits for reading files."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """Memory limits for reading files.

    DuckDB gets `usual` at first; twice as much does not sort faster. When wide rows do not fit, it gets each of `more`
    in turn with a single thread, because it runs out of memory long before it has made good use of its limit. At most
    `part_rows` rows and `part_bytes` bytes of a Parquet file are decoded at once; each decoded value takes 16 bytes in
    addition to its own size.
    """

    usual: str = "256MB"
    more: tuple[str, ...] = ("1GB", "2GB")
    part_rows: int = 131_072
    part_bytes: int = 48 << 20
