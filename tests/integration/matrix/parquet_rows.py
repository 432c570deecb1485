"""Types of Parquet with their extremes, as pyarrow writes them."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from services.worker.sources.files.settings import ParquetSettings
from services.worker.sources.kind import SourceSettings
from tests.integration.matrix.rows import Row, counted, exact, refused

CUT, ROUNDED, NOT_FINITE = "TIMESTAMP_ROUNDED", "LONG_NUMBER_ROUNDED", "FLOAT_NOT_FINITE"


class Int96(NamedTuple):
    """A value that is stored with moments of 96 bits; `numbered` is its type with numbers for them."""

    type: pa.DataType
    numbered: pa.DataType
    value: Any


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
    counted(one(2**53 + 1, pa.int64()), "float", "9007199254740992.0", ROUNDED),
    counted(one(2**64 - 1, pa.uint64()), "float", "1.8446744073709552e+19", ROUNDED),
    exact(one(2**53 + 2, pa.int64()), "float", "9007199254740994.0"),
    exact(one(2**32 - 1, pa.uint32()), "float", "4294967295.0"),
    exact(one(11.4, pa.float32()), "float", "11.4"),
    exact(one(1.7976931348623157e308, pa.float64()), "float", "1.7976931348623157e+308"),
    exact(one(5e-324, pa.float64()), "float", "5e-324"),
    exact(one(0.1 + 0.2, pa.float64()), "float", "0.30000000000000004"),
    exact(one(0.1, pa.float64()), "decimal(38,20)", f"0.1{'0' * 19}"),
    refused(one(0.30000000000000004, pa.float64()), "integer"),
    *(counted(one(value, type_), "float", None, NOT_FINITE)
      for value in (float("inf"), float("-inf"), float("nan"))
      for type_ in (pa.float32(), pa.float64())),
    *(refused(one(float(name), pa.float64()), "decimal(38,2)") for name in ("inf", "-inf", "nan")),
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
    refused(one(Decimal(f"{NINES}.{NINES}"), pa.decimal256(76, 38)), "decimal(38,38)"),
    refused(one(Decimal("1.005"), pa.decimal128(38, 3)), "decimal(38,2)"),
]
LAST = "9999-12-31"
TIMES = [
    exact(number(-719_162, pa.date32(), pa.int32()), "date", "0001-01-01"),
    exact(number(2_932_896, pa.date32(), pa.int32()), "date", LAST),
    refused(number(2**31 - 1, pa.date32(), pa.int32()), "date"),
    refused(number(-(2**31) + 1, pa.date32(), pa.int32()), "date"),
    exact(number(86_399_999, pa.time32("ms"), pa.int32()), "time", "23:59:59.999"),
    exact(number(86_399_999_999, pa.time64("us"), pa.int64()), "time", "23:59:59.999999"),
    counted(number(86_399_999_999_999, pa.time64("ns"), pa.int64()), "time", "23:59:59.999999", CUT),
    refused(number(86_400_000_000, pa.time64("us"), pa.int64()), "time"),
    exact(number(86_400_000_000, pa.time64("us"), pa.int64()), "text", "24:00:00"),
    exact(moment(253_402_300_799_999_999, "us"), "timestamp", f"{LAST}T23:59:59.999999Z"),
    exact(moment(-62_135_596_800_000, "ms", "UTC"), "timestamp", "0001-01-01T00:00:00Z"),
    counted(moment(-1, "ns"), "timestamp", "1969-12-31T23:59:59.999999Z", CUT),
    counted(moment(1_767_225_599_999_999_999, "ns", "UTC"), "timestamp", "2025-12-31T23:59:59.999999Z", CUT),
    exact(moment(1_767_225_599_999_999_999, "ns"), "text", "2025-12-31 23:59:59.999999999"),
    refused(moment(2**63 - 1, "us"), "timestamp"),
    refused(moment(2**63 - 1, "us", "UTC"), "timestamp"),
    refused(moment(-(2**63) + 1, "us", "UTC"), "timestamp"),
]
LENGTHS = [
    exact(number(-90, pa.duration("s"), pa.int64()), "duration", "-PT1M30S"),
    exact(number(86_400_001, pa.duration("ms"), pa.int64()), "duration", "P1DT0.001S"),
    exact(number(2**63 - 1, pa.duration("us"), pa.int64()), "duration", "P106751991DT4H54.775807S"),
    counted(number(1_999, pa.duration("ns"), pa.int64()), "duration", "PT0.000001S", CUT),
    exact(number(1_000, pa.duration("ns"), pa.int64()), "duration", "PT0.000001S"),
    exact(pa.nulls(1, pa.duration("ms")), "duration", None),
    refused(number(2**63 - 1, pa.duration("s"), pa.int64()), "duration"),
    exact(number(90, pa.duration("s"), pa.int64()), "integer", "90"),
    refused(one(90, pa.int64()), "duration"),
]


NS = pa.timestamp("ns")
LIST = pa.list_(NS)
NESTED_MOMENTS = [
    counted(Int96(LIST, pa.list_(pa.int64()), [1_767_225_599_123_456_789]),
            "json", '["2025-12-31 23:59:59.123456"]', CUT),
    counted(Int96(*(pa.struct({"a": pa.list_(pa.struct({"n": pa.int64(), "t": t}))}) for t in (NS, pa.int64())),
                  {"a": [{"n": 5, "t": 1_767_225_599_123_456_000}, None, {"n": 6, "t": -1}]}),
            "json",
            '{"a":[{"n":5,"t":"2025-12-31 23:59:59.123456"},null,{"n":6,"t":"1969-12-31 23:59:59.999999"}]}', CUT),
    exact(Int96(LIST, pa.list_(pa.int64()), [1_767_225_599_123_456_000]), "json", '["2025-12-31 23:59:59.123456"]'),
    exact(pa.array([[1_767_225_599_123_456_789]], pa.list_(pa.int64())).cast(LIST),
          "json", '["2025-12-31 23:59:59.123456789"]'),
]  # fmt: skip
OTHERS = [
    exact(one(True, pa.bool_()), "boolean", "true"),
    exact(one("", pa.string()), "text", ""),
    exact(one("a\0b\r\n\t\"'😀\u2028", pa.string()), "text", "a\0b\r\n\t\"'😀\u2028"),
    exact(one(b"\xff\0", pa.binary()), "binary", "/wA="),
    refused(one(b"\xff\0", pa.binary()), "text"),
    exact(one(b"ab", pa.binary(2)), "text", "ab"),
    exact(one("x", pa.dictionary(pa.int32(), pa.string())), "text", "x"),
    exact(one([11.4, None], pa.list_(pa.float32())), "json", "[11.4,null]"),
    exact(one(["a", 'b"'], pa.list_(pa.string())), "text", '["a","b\\""]'),
    exact(one({"a": 2**63 - 1}, pa.struct({"a": pa.int64()})), "json", f'{{"a":{2**63 - 1}}}'),
    exact(one([(7, "seven")], pa.map_(pa.int32(), pa.string())), "json", '{"7":"seven"}'),
    refused(one([Decimal(1)], pa.list_(pa.decimal256(50, 0))), "json"),
]
NULLS = [
    exact(pa.nulls(1), type_, None)
    for type_ in ("text", "integer", "decimal(38,2)", "float", "boolean", "date", "time", "timestamp", "json", "binary")
]
ROWS: list[Row] = [*WHOLE, *REALS, *DECIMALS, *TIMES, *LENGTHS, *NESTED_MOMENTS, *OTHERS, *NULLS]


def source(directory: Path, stored: Mapping[str, Any]) -> SourceSettings:
    old = any(isinstance(value, Int96) for value in stored.values())
    table = pa.table({"id": [1]} | {name: _array(value) for name, value in stored.items()})
    pq.write_table(table, directory / "a.parquet", use_deprecated_int96_timestamps=old)
    return ParquetSettings("things", directory)


def _array(value: Any) -> Any:
    return pa.array([value.value], value.numbered).cast(value.type) if isinstance(value, Int96) else value
