"""The setting for the time zone of timestamps without a zone."""

from zoneinfo import ZoneInfo

from services.runtime.toml import Table

KEY = "source_time_zone"


def read_time_zone(table: Table) -> str:
    """Read an IANA name; UTC unless the table has another one. A mistake is noted in the table."""
    name = table.text(KEY, "UTC")
    try:
        ZoneInfo(name or "UTC")
    except (ValueError, OSError, LookupError):  # the errors for a bad path, a folder, and an unknown name
        table.wrong(KEY, "must be an IANA name such as America/Mexico_City")
        return "UTC"
    return name
