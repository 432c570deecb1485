"""Converts texts of a source into typed columns. The text of each type has the same meaning for every source.

| type | text |
|---|---|
| integer | digits with an optional minus, within 64 bits |
| decimal | within precision and scale; zeros beyond the scale are allowed |
| float | decimal or exponent form within the range of a double, `Inf`, `NaN` |
| boolean | `0` `1` `true` `false`, in any case |
| date | `YYYY-MM-DD` |
| time | `HH:MM[:SS[.f…]]`, before 24:00 |
| timestamp | a date (midnight), or a date, `T` or a space, a time, and `Z`, `+HH[[:]MM]` or nothing |
| duration | ISO 8601 with days, hours, minutes and seconds, or `[-]H:MM:SS[.ffffff]` |
| json | see json_text |

Digits of a time or timestamp beyond microseconds are cut.
"""

import math
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Context, Decimal, InvalidOperation
from functools import partial
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute

from services.contract.spec import ColumnType, Kind
from services.worker.json_text import is_json
from services.worker.schema import arrow_type

Array: TypeAlias = Any
"""A pyarrow.Array. The stubs have no type for arrays whose type is known only at run time."""
pc: Any = pyarrow.compute

_FINER = r"(\.\d{6})\d+"
_MIN_FINER_CHARACTERS = len("00:00:00.0000001")
_ZONELESS = r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)$"
_ISO_DURATION = (
    r"^(?P<sign>[+-]?)P(?:(?P<d>\d{1,9})D)?"
    r"(?:T(?:(?P<h>\d{1,10})H)?(?:(?P<m>\d{1,12})M)?(?:(?P<s>\d{1,13})(?:\.(?P<f>\d{1,6}))?S)?)?$"
)
"""Each part may have as many digits as the longest duration that fits into 64 bits of microseconds."""
_CLOCK_DURATION = r"^([+-]?)(\d{1,10}):(\d\d):(\d\d(?:\.\d{1,6})?)$"

_MAX_SAFE_CHARACTERS = 37
"""A decimal can hold any number with this many characters."""
_DECIMAL = re.compile(r"[+-]?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d{1,9})?", re.ASCII)
_EXACT = Context(prec=38)

_LAST_CERTAIN = 2**53
"""Up to this number, every whole number has an exact double."""
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,9})?$"
_MIN_DOUBTFUL_CHARACTERS, _MIN_TINY_CHARACTERS = 16, len("1e-300")
"""Shortest texts of numbers that may lose digits as a double.

The first is for numbers with more digits than a double has, the second for numbers so small that a double has fewer.
"""
_TINY = r"[eE]-0*[3-9]\d\d|[eE]-0*[1-9]\d{3}"
_MAX_DOUBLE_DIGITS = 767
"""Most significant digits of a double that is written out."""
_WIDE = pa.decimal128(38, 0)

_LONGER_THAN_A_GAP = pa.scalar(timedelta(hours=3), pa.duration("us"))


class NotOfType(Exception):
    """The value at `index` (from 0) is not of the requested type."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


def is_text(array: Array) -> bool:
    """Whether the values are texts, which may stand for values of any type."""
    return pa.types.is_string(array.type) or pa.types.is_large_string(array.type)


def typed(array: Array, type_: ColumnType, *, utf8: bool = False, time_zone: str = "UTC") -> Array:
    """Convert a column to `schema.arrow_type(type_)`. Nulls stay null. Raises NotOfType for the first invalid value.

    `utf8`: the texts are known to be UTF-8 and are not validated. `time_zone` applies to timestamps without a zone.
    """
    try:
        return converted(array, type_, utf8=utf8, time_zone=time_zone)
    except pa.ArrowInvalid:
        wrong = rows_wrong(array, lambda part: converted(part, type_, utf8=utf8, time_zone=time_zone))
        raise NotOfType(next(wrong)) from None


def converted(array: Array, type_: ColumnType, *, utf8: bool = False, time_zone: str = "UTC") -> Array:
    """Convert a column, see typed. Raises pa.ArrowInvalid, which does not say which value is invalid."""
    if is_text(array) and not utf8:
        array.validate(full=True)
    kernel = _KERNELS.get(type_.kind, _cast) if is_text(array) else _cast
    if type_.kind is Kind.TIMESTAMP and time_zone != "UTC":
        kernel = partial(_timestamp_there, time_zone=time_zone)
    return kernel(array, type_)


def rows_wrong(array: Array, convert: Callable[[Array], object], start: int = 0) -> Iterator[int]:
    """Yield the indexes of the values for which `convert` raises pa.ArrowInvalid.

    `start` is the index of the first value. The search bisects the array: few values are invalid as a rule, and part of
    a column is converted as quickly as all of it.
    """
    try:
        convert(array)
    except pa.ArrowInvalid:
        if len(array) == 1:
            yield start
            return
        half = len(array) // 2
        yield from rows_wrong(array.slice(0, half), convert, start)
        yield from rows_wrong(array.slice(half), convert, start + half)


def _cast(array: Array, type_: ColumnType) -> Array:
    """Cast by Arrow's rules. Whole numbers that have no exact double become the nearest one, see beyond_doubles."""
    nearest = type_.kind is Kind.FLOAT and pa.types.is_integer(array.type)
    return pc.cast(array, arrow_type(type_), safe=not nearest)


def _integer(text: Array, type_: ColumnType) -> Array:
    return _cast(_where(text, r"^-?\d+$"), type_)  # the cast alone would accept 0x1f


def _decimal(text: Array, type_: ColumnType) -> Array:
    unsafe = pc.or_(pc.greater(pc.binary_length(text), _MAX_SAFE_CHARACTERS), pc.match_substring_regex(text, "[eE]"))
    if pc.any(unsafe).as_py():  # for longer numbers the cast returns wrong values
        plain = [_plain_decimal(value, type_) for value in text.filter(unsafe).to_pylist()]
        text = pc.replace_with_mask(text, pc.fill_null(unsafe, fill_value=False), pa.array(plain, text.type))
    return _cast(text, type_)


def _plain_decimal(text: str, type_: ColumnType) -> str:
    try:
        number = Decimal(text) if _DECIMAL.fullmatch(text) else Decimal("NaN")
        rounded = number.quantize(Decimal(1).scaleb(-type_.scale), context=_EXACT)
    except InvalidOperation:  # more digits than any type has
        raise pa.ArrowInvalid(text) from None
    if rounded != number:
        raise pa.ArrowInvalid(text)
    return f"{rounded:f}"


def _float(text: Array, type_: ColumnType) -> Array:
    numbers = _cast(text, type_)
    infinite = pc.is_inf(numbers)
    if pc.any(infinite).as_py():  # the cast turns numbers beyond the range into infinity
        _where(pc.filter(text, infinite), "(?i)^[+-]?inf")
    return numbers


def _boolean(text: Array, _: ColumnType) -> Array:
    words = pc.ascii_lower(_where(text, "(?i)^(0|1|true|false)$"))
    true = pc.is_in(words, pa.array(["1", "true"], words.type))  # a null is in no set
    return pc.if_else(pc.is_valid(words), true, pa.scalar(None, pa.bool_()))


def _date(text: Array, type_: ColumnType) -> Array:
    return _cast(_where(text, r"^\d{4}-\d\d-\d\d$"), type_)


def _time(text: Array, type_: ColumnType) -> Array:
    # Arrow cannot parse a time of day, but it can parse a timestamp.
    cut = pc.replace_substring_regex(text, _FINER, r"\1")
    moments = pc.binary_join_element_wise(pa.scalar("1970-01-01T", text.type), cut, pa.scalar("", text.type))
    return _cast(pc.cast(_where(moments, r"T\d\d:\d\d(:\d\d(\.\d{1,6})?)?$"), pa.timestamp("us")), type_)


def _timestamp(text: Array, type_: ColumnType) -> Array:
    try:
        return _cast(text, type_)
    except pa.ArrowInvalid:  # some values have no zone
        return _cast(_with_zone(text), type_)


def _with_zone(text: Array) -> Array:
    return pc.replace_substring_regex(_with_time(text), _ZONELESS, r"\1Z")


def _with_time(text: Array) -> Array:
    """Turn dates into their midnight, and cut digits beyond microseconds."""
    cut = pc.replace_substring_regex(text, _FINER, r"\1")
    return pc.replace_substring_regex(cut, r"^(\d{4}-\d\d-\d\d)$", r"\1T00:00")


def _timestamp_there(array: Array, type_: ColumnType, time_zone: str) -> Array:
    if not is_text(array):
        zoneless = pa.types.is_timestamp(array.type) and array.type.tz is None
        return _moments(_cast_to_us(array), time_zone) if zoneless else _cast(array, type_)
    text = _with_time(array)
    zoneless = pc.match_substring_regex(text, _ZONELESS)
    local = pc.if_else(zoneless, text, pa.scalar(None, text.type))
    others = pc.if_else(zoneless, pa.scalar(None, text.type), text)
    return pc.coalesce(_moments(_cast_to_us(local), time_zone), _timestamp(others, type_))


def _moments(local: Array, zone: str) -> Array:
    """Convert local times to UTC as PostgreSQL and DuckDB do.

    A time that clocks showed twice is the second one. A skipped time is counted on from the offset before the gap.
    """
    moments = _assumed(local, zone, "latest")
    skipped = pc.not_equal(moments, _assumed(local, zone, "earliest"))
    if pc.any(skipped).as_py():
        before = pc.subtract(local, _LONGER_THAN_A_GAP)
        moments = pc.if_else(skipped, pc.add(_assumed(before, zone, "latest"), _LONGER_THAN_A_GAP), moments)
    return pc.cast(moments, pa.timestamp("us", "UTC"))


def _assumed(local: Array, zone: str, nonexistent: str) -> Array:
    return pc.assume_timezone(local, zone, ambiguous="latest", nonexistent=nonexistent)


def _cast_to_us(local: Array) -> Array:
    return pc.cast(local, pa.timestamp("us"))


def _duration(text: Array, type_: ColumnType) -> Array:
    iso = pc.replace_substring_regex(text, _CLOCK_DURATION, r"\1PT\2H\3M\4S")
    parts = pc.extract_regex(_where(_where(iso, r"\d"), _ISO_DURATION), _ISO_DURATION)

    def part(name: str, fill: Callable[..., Array], width: int) -> Array:
        return pc.cast(fill(pc.struct_field(parts, name), width, padding="0"), pa.int64())

    seconds = pc.multiply(part("d", pc.utf8_lpad, 1), 86_400)
    for name, size in (("h", 3_600), ("m", 60), ("s", 1)):
        seconds = pc.add(seconds, pc.multiply(part(name, pc.utf8_lpad, 1), size))
    length = pc.add_checked(pc.multiply_checked(seconds, 1_000_000), part("f", pc.utf8_rpad, 6))
    negative = pc.equal(pc.struct_field(parts, "sign"), "-")
    return _cast(pc.if_else(negative, pc.negate(length), length), type_)


def _json(text: Array, type_: ColumnType) -> Array:
    if not all(is_json(value) for value in text.to_pylist() if value is not None):
        raise pa.ArrowInvalid(type_)
    return _cast(text, type_)


_KERNELS: dict[Kind, Callable[[Array, ColumnType], Array]] = {
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.FLOAT: _float,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
    Kind.DURATION: _duration,
    Kind.JSON: _json,
}


def finer_than_microseconds(text: Array) -> Array | None:
    """Return which times or timestamps lose digits; None when none does."""
    longest = pc.max(pc.binary_length(text)).as_py() or 0
    return pc.match_substring_regex(text, r"\.\d{6}\d*[1-9]") if longest >= _MIN_FINER_CHARACTERS else None


def beyond_doubles(values: Array) -> Array | None:
    """Return which numbers (or texts of numbers) have more digits than the nearest double; None when none has."""
    if is_text(values):
        return _texts_beyond(values)
    far = pc.greater(pc.abs(values), _LAST_CERTAIN) if pa.types.is_int64(values.type) else None
    if far is None or not pc.any(far).as_py():
        return None
    doubles = pc.cast(values, pa.float64(), safe=False)
    return _of_those(pc.not_equal(pc.cast(doubles, _WIDE), pc.cast(values, _WIDE)), values)


def _texts_beyond(texts: Array) -> Array | None:
    lengths = pc.binary_length(texts)
    if (pc.max(lengths).as_py() or 0) < _MIN_TINY_CHARACTERS:
        return None
    long = pc.greater_equal(lengths, _MIN_DOUBTFUL_CHARACTERS)
    doubtful = pc.or_(long, pc.match_substring_regex(texts, _TINY))
    if not pc.any(doubtful).as_py():
        return None
    numbers = pc.if_else(
        pc.and_(doubtful, pc.match_substring_regex(texts, _NUMBER)), texts, pa.scalar(None, texts.type)
    )
    shortest = pc.cast(pc.cast(numbers, pa.float64()), texts.type)
    return _of_those(pc.not_equal(shortest, numbers), numbers)


def _of_those(doubtful: Array, numbers: Array) -> Array:
    """Return which of the doubtful numbers are rounded."""
    rows = pc.fill_null(doubtful, fill_value=False)
    return pa.array([is_doubtful and is_rounded(str(number)) for is_doubtful, number in _pairs(rows, numbers)])


def _pairs(first: Array, second: Array) -> Iterator[tuple[Any, Any]]:
    return zip(first.to_pylist(), second.to_pylist(), strict=True)


def is_rounded(text: str) -> bool:
    """Whether the nearest double is a different number.

    It is compared both with as many digits as the text has and in its shortest form.
    """
    double = float(text)
    if not math.isfinite(double) or f"{double:.17g}" == text:
        return False
    number = Decimal(text)
    digits = len("".join(map(str, number.as_tuple().digits)).strip("0"))
    if digits > _MAX_DOUBLE_DIGITS:
        return True
    return number not in (Decimal(f"{double:.{max(digits - 1, 0)}e}"), Decimal(repr(double)))


def _where(text: Array, pattern: str) -> Array:
    if pc.all(pc.match_substring_regex(text, pattern)).as_py() is False:
        raise pa.ArrowInvalid(pattern)
    return text
