"""What a CSV file can say of each type."""

from collections.abc import Mapping
from pathlib import Path

from services.worker.sources.files.settings import CsvSettings
from services.worker.sources.kind import SourceSettings
from tests.integration.matrix.rows import Row, counted, exact, refused

CUT, ROUNDED, NOT_FINITE = "TIMESTAMP_ROUNDED", "LONG_NUMBER_ROUNDED", "FLOAT_NOT_FINITE"
NINES = "9" * 38
TYPES = ("integer", "decimal(38,2)", "float", "boolean", "date", "time", "timestamp", "duration")

ROWS: list[Row] = [
    exact(str(2**63 - 1), "integer", str(2**63 - 1)),
    exact(str(-(2**63)), "integer", str(-(2**63))),
    *(refused(text, "integer") for text in (str(2**63), "1.0", "0x1f", "1e3", "+1", "inf")),
    exact(NINES, "decimal(38,0)", NINES),
    exact(f"-0.{NINES}", "decimal(38,38)", f"-0.{NINES}"),
    exact("1.1000", "decimal(38,2)", "1.10"),
    exact(f"{'0' * 50}1.5{'0' * 50}", "decimal(38,2)", "1.50"),
    exact("1.5e3", "decimal(38,2)", "1500.00"),
    *(
        refused(text, "decimal(38,2)")
        for text in ("1.005", f"{NINES}9", f"{NINES}.5", f"{NINES}e2", "3" * 38, "1e9999999999", "nan", "inf")
    ),
    exact("0.30000000000000004", "float", "0.30000000000000004"),
    exact("5e-324", "float", "5e-324"),
    exact("1.7976931348623157e308", "float", "1.7976931348623157e+308"),
    refused("1e999", "float"),
    counted("9007199254740993", "float", "9007199254740992.0", ROUNDED),
    exact("9007199254740994", "float", "9007199254740994.0"),
    *(counted(text, "float", None, NOT_FINITE) for text in ("inf", "-inf", "NaN")),
    *(exact(text, "boolean", "true") for text in ("1", "TRUE")),
    refused("yes", "boolean"),
    exact("0001-01-01", "date", "0001-01-01"),
    exact("9999-12-31", "date", "9999-12-31"),
    *(refused(text, "date") for text in ("infinity", "2026-02-30", "31.12.2026", "2026-01-01T00:00")),
    exact("23:59:59.999999", "time", "23:59:59.999999"),
    counted("23:59:59.9999999", "time", "23:59:59.999999", CUT),
    *(refused(text, "time") for text in ("24:00:00", "24:00", "25:00", "23:59:60")),
    exact("2026-01-01", "timestamp", "2026-01-01T00:00:00Z"),
    exact("2026-01-01 00:00:00+05:30", "timestamp", "2025-12-31T18:30:00Z"),
    counted("2025-12-31T23:59:59.9999999Z", "timestamp", "2025-12-31T23:59:59.999999Z", CUT),
    counted("1969-12-31T23:59:59.9999999", "timestamp", "1969-12-31T23:59:59.999999Z", CUT),
    *(refused(text, "timestamp") for text in ("infinity", "2026-02-30T00:00Z", "soon")),
    exact("P1DT2H", "duration", "P1DT2H"),
    exact("-0:00:00.5", "duration", "-PT0.5S"),
    *(refused(text, "duration") for text in ("P1M", "1 month 2 days")),
    exact('"a""b\r\n, 😀"', "text", 'a"b\r\n, 😀'),
    exact('""', "text", ""),
    exact("NaN", "text", "NaN"),
    exact('"{""a"":1e400}"', "json", '{"a":1e400}'),
    *(exact("", type_, None) for type_ in (*TYPES, "text", "json")),
    *(exact('""', type_, None) for type_ in TYPES),
]


def source(directory: Path, stored: Mapping[str, str]) -> SourceSettings:
    (directory / "a.csv").write_bytes(f"id,{','.join(stored)}\r\n1,{','.join(stored.values())}\r\n".encode())
    return CsvSettings("things", directory)
