"""What one caller may ask of the gateway."""

from dataclasses import dataclass
from datetime import timedelta

MAX_BODY_BYTES = 1 << 18
"""Largest body of a request. The api takes less; this bounds what a body may cost before it is read as JSON."""

MAX_LINE_BYTES = 16 * 1024
"""Longest request line: a `uri` of an export, percent-encoded, is shorter."""

MAX_HEADER_BYTES = 8 * 1024
"""Longest header field."""

MAX_HEADERS = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """Most connections at the same time, in all and from one address (0: as many as in all), and the longest times for
    the head and the body of a request.
    """

    connections: int = 1024
    connections_of_address: int = 0
    idle: timedelta = timedelta(seconds=30)
    body: timedelta = timedelta(seconds=30)
