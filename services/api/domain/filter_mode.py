"""What happens to a query parameter that is unknown or invalid."""

from enum import Enum


class FilterMode(Enum):
    """STRICT: the request is refused. LENIENT: the parameter is dropped, and the export has a warning about it."""

    STRICT = "STRICT"
    LENIENT = "LENIENT"
