"""Comparisons with a value that is more precise than the column."""

from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Context, Decimal
from typing import TypeVar

from services.contract.spec import Operator

T = TypeVar("T")

_EXACT = Context(prec=100, rounding=ROUND_FLOOR)
_BELOW = {Operator.LESS: Operator.LESS_OR_EQUAL, Operator.GREATER_OR_EQUAL: Operator.GREATER}


def on_step(operator: Operator, value: T, floor: T) -> tuple[Operator, T] | None:
    """Return an equivalent comparison for a column that holds only whole steps.

    `floor` is the last step not above `value`. None when no step can match. Example: `< 15.999` becomes `<= 15.99` in a
    column of cents.
    """
    if value == floor:
        return operator, value
    return None if operator is Operator.EQUALS else (_BELOW.get(operator, operator), floor)


def decimal_floor(value: Decimal, scale: int) -> Decimal:
    """Return the last step not above `value` at `scale`, within the range of 38 digits."""
    most = Decimal(10**38 - 1).scaleb(-scale, _EXACT)
    return min(max(value, -most), most).quantize(Decimal(1).scaleb(-scale), context=_EXACT)


def utc(value: datetime) -> datetime:
    """Return the moment in UTC. A value without a zone is taken as UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
