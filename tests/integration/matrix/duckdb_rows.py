"""Types of DuckDB with their extremes, as expressions of its SQL."""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from services.worker.sources.kind import SourceSettings
from services.worker.sources.sql.other.settings import OtherSqlSettings
from tests.integration.matrix.rows import Row, counted, exact, refused

CUT, ROUNDED, NOT_FINITE = "TIMESTAMP_ROUNDED", "LONG_NUMBER_ROUNDED", "FLOAT_NOT_FINITE"
HUGE = str(2**127 - 1)
NINES = "9" * 38
JSON = '{"a": 1.10, "b": [123456789012345678901234567890.123, 1e400]}'
NEVER, MOMENTS = ("infinity", "-infinity"), ("date", "timestamp", "timestamptz", "timestamp_ns")

ROWS: list[Row] = [
    exact("(-128)::tinyint", "integer", "-128"),
    exact("255::utinyint", "integer", "255"),
    exact(f"{2**63 - 1}::bigint", "integer", str(2**63 - 1)),
    refused(f"{2**64 - 1}::ubigint", "integer"),
    exact(f"{2**64 - 1}::ubigint", "decimal(38,0)", str(2**64 - 1)),
    exact(f"{HUGE}::hugeint", "text", HUGE),
    refused(f"{HUGE}::hugeint", "decimal(38,0)"),
    exact(f"{2**128 - 1}::uhugeint", "text", str(2**128 - 1)),
    exact(f"'{NINES}'::decimal(38,0)", "decimal(38,0)", NINES),
    exact(f"'-0.{NINES}'::decimal(38,38)", "decimal(38,38)", f"-0.{NINES}"),
    exact(f"'0.{NINES}'::decimal(38,38)", "text", f"0.{NINES}"),
    exact("11.4::float", "float", "11.4"),
    counted(f"{2**53 + 1}::bigint", "float", "9007199254740992.0", ROUNDED),
    counted(f"{HUGE}::hugeint", "float", "1.7014118346046923e+38", ROUNDED),
    counted("9007199254740993::decimal(38,2)", "float", "9007199254740992.0", ROUNDED),
    exact(f"{2**53 + 2}::bigint", "float", "9007199254740994.0"),
    exact("0.1::decimal(38,2)", "float", "0.1"),
    exact("'3.4028235e38'::float", "float", "3.4028235e+38"),
    exact("5e-324::double", "float", "5e-324"),
    exact("0.1::double", "decimal(38,30)", f"0.1{'0' * 29}"),
    *(counted(f"'{v}'::{t}", "float", None, NOT_FINITE) for v in ("inf", "-inf", "nan") for t in ("float", "double")),
    *(refused(f"'{v}'::double", "decimal(38,2)") for v in ("inf", "nan")),
    exact("false", "boolean", "false"),
    exact("date '0001-01-01'", "date", "0001-01-01"),
    exact("date '9999-12-31'", "date", "9999-12-31"),
    *(refused(f"'{never}'::{t}", kind) for never in NEVER for t in MOMENTS for kind in ("date", "timestamp")),
    exact("'infinity'::timestamp", "text", "infinity"),
    exact("time '23:59:59.999999'", "time", "23:59:59.999999"),
    refused("time '24:00:00'", "time"),
    counted("'23:59:59.9999999'::time_ns", "time", "23:59:59.999999", CUT),
    refused("timetz '12:00:00+05'", "time"),
    exact("timestamp '9999-12-31 23:59:59.999999'", "timestamp", "9999-12-31T23:59:59.999999Z"),
    exact("'2026-01-01 00:00:00+05:30'::timestamptz", "timestamp", "2025-12-31T18:30:00Z"),
    exact("timestamp_s '2026-01-01 00:00:00'", "timestamp", "2026-01-01T00:00:00Z"),
    counted("'2025-12-31 23:59:59.9999999'::timestamp_ns", "timestamp", "2025-12-31T23:59:59.999999Z", CUT),
    counted("'1969-12-31 23:59:59.9999999'::timestamp_ns", "timestamp", "1969-12-31T23:59:59.999999Z", CUT),
    exact("interval '1 month 2 days'", "text", "P1M2D"),
    refused("interval '1 month 2 days'", "duration"),
    exact("interval '-61.5 seconds'", "duration", "-PT1M1.5S"),
    exact("''", "text", ""),
    exact("'a' || chr(13) || chr(10) || '😀'", "text", "a\r\n😀"),
    exact("'\\xff'::blob", "binary", "/w=="),
    refused("'\\xff'::blob", "text"),
    exact("'b'::enum('a', 'b')", "text", "b"),
    exact("'0101'::bit", "text", "0101"),
    exact("uuid '00000000-0000-0000-0000-000000000001'", "text", "00000000-0000-0000-0000-000000000001"),
    exact(f"[{HUGE}::hugeint]", "json", f"[{HUGE}]"),
    exact("map {7: 'seven'}", "json", '{"7":"seven"}'),
    exact("[1234567890123456.78::decimal(18,2)]", "json", "[1234567890123456.78]"),
    exact("['a', 'b']", "text", '["a","b"]'),
    *(exact(f"'{JSON}'::json", type_, JSON) for type_ in ("json", "text")),
    exact("union_value(k := 11.4::float)", "json", '{"k":11.4}'),
    *(exact(f"{before}'{JSON}'::json{after}", type_, f"{start}{JSON}{end}")
      for before, after, start, end in (
          ("[", "]", "[", "]"),
          ("{'a b\"': ", "}", '{"a b\\"":', "}"),
          ("map {'k': [[", "]]}", '{"k":[[', "]]}"),
          ("[{'x': [", "]}, null]", '[{"x":[', "]},null]"),
          ("union_value(k := ", ")", '{"k":', "}"),
          ("row(11.4::float, ", ", null::int)", "[11.4,", ",null]"),
      ) for type_ in ("json", "text")),
    exact("map {1.5::decimal(38,8): {'d': 12345678901234567890.12345678::decimal(38,8)}}",
          "json", '{"1.50000000":{"d":12345678901234567890.12345678}}'),
    exact(f"map {{{HUGE}::hugeint: [{2**128 - 1}::uhugeint]}}", "json", f'{{"{HUGE}":[{2**128 - 1}]}}'),
    exact(f"['-0.{NINES}'::decimal(38,38)]", "json", f"[-0.{NINES}]"),
    exact("{'e': 'x'::enum('a]', 'x', ')('), 'j': '1.10'::json}", "json", '{"e":"x","j":1.10}'),
    *(exact(f"{number}::variant", "json", text) for number, text in (
        ("12345678901234567890.12345678::decimal(38,8)", "12345678901234567890.12345678"), ("11.4::float", "11.4"))),
    exact("[]::json[]", "json", "[]"),
    exact("null::json[]", "json", None),
    *(exact("null", type_, None)
      for type_ in ("text", "integer", "decimal(38,2)", "float", "boolean", "date", "timestamp", "json")),
]  # fmt: skip


def source(directory: Path, stored: Mapping[str, str]) -> SourceSettings:
    file = directory / "things.duckdb"
    values = ", ".join(f"{expression} as {name}" for name, expression in stored.items())
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"create table t as select 1 as id, {values}")
    return OtherSqlSettings("things", f"duckdb:///{file}")
