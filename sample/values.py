"""Writes the values of the invoices' rows. Until then amounts are whole cents or millionths, so that they are exact."""

from datetime import date, timedelta
from random import Random

FIRST_DAY = date(2024, 1, 1)
LAST_DAY = date(2026, 10, 31)
DAY = 86_400
SECONDS = ((LAST_DAY - FIRST_DAY).days + 1) * DAY
"""The length of the period in which invoices are issued."""

# Some events are up to half a year after the invoice.
_DAYS = tuple((FIRST_DAY + timedelta(days=n)).isoformat() for n in range(SECONDS // DAY + 180))


def day(second: int) -> str:
    """Return the date of a second, which is counted from the start of FIRST_DAY."""
    return _DAYS[second // DAY]


def instant(second: int) -> str:
    """Return a second, counted from the start of FIRST_DAY, in ISO 8601 with Z.

    All texts have one length and sort correctly.
    """
    minutes, s = divmod(second % DAY, 60)
    hours, m = divmod(minutes, 60)
    return f"{_DAYS[second // DAY]}T{hours:02}:{m:02}:{s:02}Z"


def money(cents: int) -> str:
    """Return the amount with two decimals. `cents` must not be negative."""
    return f"{cents // 100}.{cents % 100:02}"


def six_decimals(millionths: int) -> str:
    """Return the number with six decimals. `millionths` must not be negative."""
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06}"


def random_uuid(rng: Random) -> str:
    """Return a random UUID of version 4 as text. uuid.UUID would take three times as long."""
    bits = rng.getrandbits(128) & ~(0xF000 << 64) & ~(0xC000 << 48) | (0x4000 << 64) | (0x8000 << 48)
    h = f"{bits:032x}"
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def below(rng: Random, limit: int) -> int:
    """Return a number from 0 to limit - 1. randrange would take three times as long."""
    return int(rng.random() * limit)
