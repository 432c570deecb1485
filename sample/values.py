"""How the values of the invoices' rows are written. Amounts are whole cents or millionths until then: exact."""

from datetime import date, timedelta
from random import Random

FIRST_DAY = date(2024, 1, 1)
LAST_DAY = date(2026, 10, 31)
DAY = 86_400
SECONDS = ((LAST_DAY - FIRST_DAY).days + 1) * DAY
"""Length of the period in which invoices are issued."""

# Some things happen up to half a year after the invoice.
_DAYS = tuple((FIRST_DAY + timedelta(days=n)).isoformat() for n in range(SECONDS // DAY + 180))


def day(second: int) -> str:
    """The date of a second, counted from the start of FIRST_DAY."""
    return _DAYS[second // DAY]


def instant(second: int) -> str:
    """A second, counted from the start of FIRST_DAY, as ISO 8601 with Z: all of one length, so they sort as text."""
    minutes, s = divmod(second % DAY, 60)
    hours, m = divmod(minutes, 60)
    return f"{_DAYS[second // DAY]}T{hours:02}:{m:02}:{s:02}Z"


def money(cents: int) -> str:
    """Two decimals; `cents` is not negative."""
    return f"{cents // 100}.{cents % 100:02}"


def six_decimals(millionths: int) -> str:
    """Six decimals; `millionths` is not negative."""
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06}"


def random_uuid(rng: Random) -> str:
    """A UUID of version 4 as text; uuid.UUID would take three times as long."""
    bits = rng.getrandbits(128) & ~(0xF000 << 64) & ~(0xC000 << 48) | (0x4000 << 64) | (0x8000 << 48)
    h = f"{bits:032x}"
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def below(rng: Random, limit: int) -> int:
    """From 0 to limit - 1; randrange would take three times as long."""
    return int(rng.random() * limit)
