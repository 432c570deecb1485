"""What happens to a query parameter that is unknown or invalid."""

from enum import Enum


class FilterMode(Enum):
    """STRICT: it is refused. LENIENT: it is dropped, and a warning of the export says so."""

    STRICT = "STRICT"
    LENIENT = "LENIENT"
