"""Shapes of ISO timestamps.

If all timestamps of a column have the same shape, their texts sort in the order of time.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_DIGIT = "[0-9]"
DATE_GLOB = f"{_DIGIT * 4}-{_DIGIT * 2}-{_DIGIT * 2}"
"""SQLite's pattern for a date."""

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(?:\.(\d{1,6}))?(Z|\+00:00|)")


@dataclass(frozen=True, slots=True)
class Shape:
    """The written form of a UTC timestamp: the separator, 0 to 6 decimals of the second, and the text of the zone."""

    separator: str
    digits: int
    zone: str

    @property
    def glob(self) -> str:
        """SQLite's pattern for the shape."""
        fraction = f".{_DIGIT * self.digits}" if self.digits else ""
        two = _DIGIT * 2
        return f"{DATE_GLOB}{self.separator}{two}:{two}:{two}{fraction}{self.zone}"

    def floor(self, moment: datetime) -> datetime:
        """Return the last moment not after this one that the shape can write."""
        return moment - timedelta(microseconds=moment.microsecond % 10 ** (6 - self.digits))

    def text(self, moment: datetime) -> str:
        """Return a moment in UTC in this shape."""
        fraction = f".{moment.microsecond:06}"[: self.digits + 1] if self.digits else ""
        return f"{moment.date().isoformat()}{self.separator}{moment:%H:%M:%S}{fraction}{self.zone}"


def shape_of(text: bytes | None) -> Shape | None:
    """Return the shape of a stored text; None for a text that does not sort by time."""
    match = _TIMESTAMP.fullmatch(text.decode("ascii", "replace")) if text is not None else None
    return Shape(match[1], len(match[2] or ""), match[3]) if match else None
