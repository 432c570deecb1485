"""Types of Parquet with their extremes, as pyarrow writes them."""

from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tests.integration.matrix.rows import CUT, INVALID, NEAREST, NOT_FINITE, Row


class Int96(NamedTuple):
    """A value that is stored with moments of 96 bits; `numbered` is its type with numbers for them."""

    type: pa.DataType
    numbered: pa.DataType
    value: Any


def exact(stored: Any, type_: str, text: str | None) -> Row:
    return Row(str(stored.type), type_, stored, "", text)


def counted(stored: Any, type_: str, text: str, mark: str) -> Row:
    return Row(str(stored.type), type_, stored, mark, text)


def refused(stored: Any, type_: str, text: str) -> Row:
    return Row(str(stored.type), type_, stored, INVALID, text)


def one(value: Any, type_: pa.DataType) -> Any:
    return pa.array([value], type_)


def number(value: int, type_: pa.DataType, through: pa.DataType) -> Any:
    """By the number that stands for it, which may be no value that Python has."""
    return pa.array([value], through).cast(type_)


def moment(value: int, unit: str, zone: str | None = None) -> Any:
    return number(value, pa.timestamp(unit, zone), pa.int64())


WHOLE = [
    row
    for bits in (8, 16, 32, 64)
    for row in (
        exact(one(-(2 ** (bits - 1)), getattr(pa, f"int{bits}")()), "integer", str(-(2 ** (bits - 1)))),
        exact(one(2 ** (bits - 1) - 1, getattr(pa, f"int{bits}")()), "integer", str(2 ** (bits - 1) - 1)),
        exact(one(2**bits - 1, getattr(pa, f"uint{bits}")()), "text", str(2**bits - 1)),
    )
]
REALS = [
    exact(one(3.4028234663852886e38, pa.float32()), "float", "3.4028235e+38"),
    exact(one(1e-45, pa.float32()), "float", "1e-45"),
    counted(one(2**53 + 1, pa.int64()), "float", "9007199254740992.0", NEAREST),
    counted(one(Decimal("0.12345678901234567891"), pa.decimal128(38, 20)), "float", "0.12345678901234568", NEAREST),
    exact(one(Decimal("0.30000000000000004"), pa.decimal128(38, 17)), "float", "0.30000000000000004"),
    counted(one(Decimal(f"{'9' * 38}.5"), pa.decimal256(76, 38)), "float", "1e+38", NEAREST),
    exact(one(Decimal("0.1"), pa.decimal256(76, 38)), "float", "0.1"),
    counted(one("0.12345678901234567891", pa.string()), "float", "0.12345678901234568", NEAREST),
    exact(one(np.float16(0.1), pa.float16()), "float", "0.099975586"),
    counted(one(np.float16("inf"), pa.float16()), "float", "inf", NOT_FINITE),
    exact(one(11.4, pa.float32()), "decimal(9,2)", "11.40"),
    exact(one(16_777_216.0, pa.float32()), "integer", "16777216"),
    exact(one(12_345_678_901_234_567.0, pa.float64()), "decimal(38,2)", "12345678901234568.00"),
    counted(one(2**64 - 1, pa.uint64()), "float", "1.8446744073709552e+19", NEAREST),
    exact(one(2**53 + 2, pa.int64()), "float", "9007199254740994.0"),
    exact(one(2**32 - 1, pa.uint32()), "float", "4294967295.0"),
    exact(one(11.4, pa.float32()), "float", "11.4"),
    exact(one(1.7976931348623157e308, pa.float64()), "float", "1.7976931348623157e+308"),
    exact(one(5e-324, pa.float64()), "float", "5e-324"),
    exact(one(0.1 + 0.2, pa.float64()), "float", "0.30000000000000004"),
    exact(one(0.1, pa.float64()), "decimal(38,20)", f"0.1{'0' * 19}"),
    refused(one(0.30000000000000004, pa.float64()), "integer", "0.30000000000000004"),
    *(counted(one(float(name), type_), "float", name, NOT_FINITE)
      for name in ("inf", "-inf", "nan")
      for type_ in (pa.float32(), pa.float64())),
    *(refused(one(float(name), pa.float64()), "decimal(38,2)", name) for name in ("inf", "-inf", "nan")),
]  # fmt: skip
NINES = "9" * 38
DECIMALS = [
    exact(one(Decimal(NINES), pa.decimal128(38, 0)), "decimal(38,0)", NINES),
    exact(one(Decimal(f"-0.{NINES}"), pa.decimal128(38, 38)), "decimal(38,38)", f"-0.{NINES}"),
    exact(one(Decimal(f"0.{NINES}"), pa.decimal128(38, 38)), "text", f"0.{NINES}"),
    exact(one(Decimal("0.05"), pa.decimal128(2, 2)), "text", "0.05"),
    exact(one(Decimal(NINES), pa.decimal256(76, 38)), "text", NINES),
    exact(one(Decimal(f"{NINES}.{NINES}"), pa.decimal256(76, 38)), "text", f"{NINES}.{NINES}"),
    exact(one(Decimal(f"-{NINES}{NINES}"), pa.decimal256(76, 0)), "text", f"-{NINES}{NINES}"),
    exact(one(Decimal("1E-38"), pa.decimal256(76, 38)), "decimal(38,38)", f"0.{'0' * 37}1"),
    refused(one(Decimal(f"{NINES}.{NINES}"), pa.decimal256(76, 38)), "decimal(38,38)", f"{NINES}.{NINES}"),
    exact(one(Decimal("1.10"), pa.decimal32(5, 2)), "decimal(38,2)", "1.10"),
    exact(one(Decimal("1234567890123456.78"), pa.decimal64(18, 2)), "decimal(38,2)", "1234567890123456.78"),
    exact(one(Decimal("1.10"), pa.decimal128(38, 2)), "text", "1.10"),
    exact(one(Decimal(7), pa.decimal128(38, 2)), "integer", "7"),
    refused(one(Decimal("7.5"), pa.decimal128(38, 2)), "integer", "7.50"),
    exact(one(Decimal("7.000"), pa.decimal256(76, 38)), "integer", "7"),
    exact(
        one([Decimal("0.12345678901234567891")], pa.list_(pa.decimal128(38, 20))), "json", "[0.12345678901234567891]"
    ),
    refused(one(Decimal("1.005"), pa.decimal128(38, 3)), "decimal(38,2)", "1.005"),
]
LAST = "9999-12-31"
TIMES = [
    exact(number(-719_162, pa.date32(), pa.int32()), "date", "0001-01-01"),
    exact(number(2_932_896, pa.date32(), pa.int32()), "date", LAST),
    refused(number(2**31 - 1, pa.date32(), pa.int32()), "date", "infinity"),
    refused(number(-(2**31) + 1, pa.date32(), pa.int32()), "date", "-infinity"),
    exact(number(-719_528, pa.date32(), pa.int32()), "date", "0000-01-01"),
    exact(number(2_932_897, pa.date32(), pa.int32()), "date", "+10000-01-01"),
    exact(number(253_402_214_400_000, pa.date64(), pa.int64()), "date", LAST),
    exact(number(86_399, pa.time32("s"), pa.int32()), "time", "23:59:59"),
    exact(moment(253_402_300_799, "s"), "timestamp", f"{LAST}T23:59:59Z"),
    exact(moment(-62_135_596_801, "s"), "timestamp", "0000-12-31T23:59:59Z"),
    exact(moment(1_767_225_600_000_000, "us"), "date", "2026-01-01"),
    refused(moment(1_767_225_600_000_001, "us"), "date", "2026-01-01 00:00:00.000001"),
    counted(moment(-(2**63) + 2, "ns"), "timestamp", "1677-09-21T00:12:43.145224Z", CUT),
    exact(number(86_399_999, pa.time32("ms"), pa.int32()), "time", "23:59:59.999"),
    exact(number(86_399_999_999, pa.time64("us"), pa.int64()), "time", "23:59:59.999999"),
    counted(number(86_399_999_999_999, pa.time64("ns"), pa.int64()), "time", "23:59:59.999999", CUT),
    refused(number(86_400_000_000, pa.time64("us"), pa.int64()), "time", "24:00:00"),
    exact(number(86_400_000_000, pa.time64("us"), pa.int64()), "text", "24:00:00"),
    exact(moment(253_402_300_799_999_999, "us"), "timestamp", f"{LAST}T23:59:59.999999Z"),
    exact(moment(-62_135_596_800_000, "ms", "UTC"), "timestamp", "0001-01-01T00:00:00Z"),
    counted(moment(-1, "ns"), "timestamp", "1969-12-31T23:59:59.999999Z", CUT),
    counted(moment(1_767_225_599_999_999_999, "ns", "UTC"), "timestamp", "2025-12-31T23:59:59.999999Z", CUT),
    exact(moment(1_767_225_599_999_999_999, "ns"), "text", "2025-12-31 23:59:59.999999999"),
    refused(moment(2**63 - 1, "us"), "timestamp", "infinity"),
    refused(moment(2**63 - 1, "us", "UTC"), "timestamp", "infinity"),
    refused(moment(-(2**63) + 1, "us", "UTC"), "timestamp", "-infinity"),
]
LENGTHS = [
    exact(number(-90, pa.duration("s"), pa.int64()), "duration", "-PT1M30S"),
    exact(number(86_400_001, pa.duration("ms"), pa.int64()), "duration", "P1DT0.001S"),
    exact(number(2**63 - 1, pa.duration("us"), pa.int64()), "duration", "P106751991DT4H54.775807S"),
    counted(number(1_999, pa.duration("ns"), pa.int64()), "duration", "PT0.000001S", CUT),
    exact(number(1_000, pa.duration("ns"), pa.int64()), "duration", "PT0.000001S"),
    exact(pa.nulls(1, pa.duration("ms")), "duration", None),
    exact(number(9_223_372_036_854, pa.duration("s"), pa.int64()), "duration", "P106751991DT4H54S"),
    refused(number(9_223_372_036_855, pa.duration("s"), pa.int64()), "duration", "PT9223372036855S"),
    refused(number(2**63 - 1, pa.duration("s"), pa.int64()), "duration", f"PT{2**63 - 1}S"),
    refused(number(-(2**63) + 1, pa.duration("ms"), pa.int64()), "duration", "-PT9223372036854775.807S"),
    exact(number(-(2**63) + 1, pa.duration("us"), pa.int64()), "duration", "-P106751991DT4H54.775807S"),
    counted(number(-1_999, pa.duration("ns"), pa.int64()), "duration", "-PT0.000001S", CUT),
    exact(number(90, pa.duration("s"), pa.int64()), "text", "90"),
    exact(pa.array([[90]], pa.list_(pa.int64())).cast(pa.list_(pa.duration("s"))), "json", "[90]"),
    exact(number(90, pa.duration("s"), pa.int64()), "integer", "90"),
    refused(one(90, pa.int64()), "duration", "90"),
]

OTHERS = [
    exact(
        pa.array([[1_767_225_599_123_456_789]], pa.list_(pa.int64())).cast(pa.list_(pa.timestamp("ns"))),
        "json",
        '["2025-12-31 23:59:59.123456789"]',
    ),
    exact(one(True, pa.bool_()), "boolean", "true"),
    exact(one("", pa.string()), "text", ""),
    exact(one("a\0b\r\n\t\"'😀\u2028", pa.string()), "text", "a\0b\r\n\t\"'😀\u2028"),
    exact(one(b"\xff\0", pa.binary()), "binary", "/wA="),
    refused(one(b"\xff\0", pa.binary()), "text", "\ufffd\0"),
    exact(one(b"ab", pa.binary(2)), "text", "ab"),
    exact(one("x", pa.dictionary(pa.int32(), pa.string())), "text", "x"),
    exact(one("x", pa.large_string()), "text", "x"),
    exact(one("x", pa.string_view()), "text", "x"),
    exact(one(b"\0" * 16, pa.uuid()), "text", "00000000-0000-0000-0000-000000000000"),
    exact(one('{"a":1.10}', pa.json_(pa.string())), "json", '{"a":1.10}'),
    exact(one("1.10", pa.string()), "json", "1.10"),
    exact(one(Decimal("1.10"), pa.decimal128(9, 2)).dictionary_encode(), "decimal(9,2)", "1.10"),
    exact(one([[11.4], None], pa.list_(pa.list_(pa.float32(), 1))), "json", "[[11.4],null]"),
    exact(one({"a": [b"\xff"]}, pa.struct({"a": pa.list_(pa.binary())})), "json", '{"a":["\\\\xFF"]}'),
    exact(one([2**64 - 1], pa.list_(pa.uint64())), "json", f"[{2**64 - 1}]"),
    exact(
        one([(Decimal("1.10"), date(2026, 1, 1))], pa.map_(pa.decimal128(20, 2), pa.date32())),
        "json",
        '{"1.10":"2026-01-01"}',
    ),
    exact(one([11.4, None], pa.list_(pa.float32())), "json", "[11.4,null]"),
    exact(one(["a", 'b"'], pa.list_(pa.string())), "text", '["a","b\\""]'),
    exact(one({"a": 2**63 - 1}, pa.struct({"a": pa.int64()})), "json", f'{{"a":{2**63 - 1}}}'),
    exact(one([(7, "seven")], pa.map_(pa.int32(), pa.string())), "json", '{"7":"seven"}'),
]
NULLS = [
    exact(pa.nulls(1), type_, None)
    for type_ in ("text", "integer", "decimal(38,2)", "float", "boolean", "date", "time", "timestamp", "json", "binary")
]
ROWS: list[Row] = [*WHOLE, *REALS, *DECIMALS, *TIMES, *LENGTHS, *OTHERS, *NULLS]


NS = pa.timestamp("ns")
LIST = pa.list_(NS)
INT96: list[Row] = [
    *(counted(Int96(NS, pa.int64(), nanoseconds), "timestamp", text, CUT)
      for nanoseconds, text in (
          (1_767_225_599_123_456_789, "2025-12-31T23:59:59.123456Z"), (-1, "1969-12-31T23:59:59.999999Z"),
      )),
    exact(Int96(pa.timestamp("us", "+05:30"), pa.int64(), 1_767_225_600_000_000), "timestamp", "2026-01-01T00:00:00Z"),
    *(exact(Int96(type_, pa.int64(), number_), "timestamp", text)
      for type_, per_second in ((pa.timestamp("us", "UTC"), 1_000_000), (pa.timestamp("us"), 1_000_000))
      for number_, text in (
          (253_402_300_799 * per_second, f"{LAST}T23:59:59Z"), (-30_610_224_000 * per_second, "1000-01-01T00:00:00Z"),
      )),
    counted(Int96(LIST, pa.list_(pa.int64()), [1_767_225_599_123_456_789]),
            "json", '["2025-12-31 23:59:59.123456"]', CUT),
    counted(Int96(*(pa.struct({"a": pa.list_(pa.struct({"n": pa.int64(), "t": t}))}) for t in (NS, pa.int64())),
                  {"a": [{"n": 5, "t": 1_767_225_599_123_456_000}, None, {"n": 6, "t": -1}]}),
            "json",
            '{"a":[{"n":5,"t":"2025-12-31 23:59:59.123456"},null,{"n":6,"t":"1969-12-31 23:59:59.999999"}]}', CUT),
    exact(Int96(LIST, pa.list_(pa.int64()), [1_767_225_599_123_456_000]), "json", '["2025-12-31 23:59:59.123456"]'),
]  # fmt: skip
