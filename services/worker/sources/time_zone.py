"""The setting that says where timestamps without a zone are."""

from zoneinfo import ZoneInfo

from services.runtime.toml import Table

KEY = "source_time_zone"


def read_time_zone(table: Table) -> str:
    """An IANA name; UTC unless the table has another one."""
    name = table.text(KEY, "UTC")
    try:
        ZoneInfo(name or "UTC")
    except (ValueError, OSError, LookupError):  # no path, a directory, none of that name
        table.wrong(KEY, "must be an IANA name such as America/Mexico_City")
        return "UTC"
    return name
