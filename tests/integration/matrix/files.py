"""What foreign readers find in a file of each format, column by column, in the words of CSV."""

import io
import json
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv
from python_calamine import CalamineWorkbook

from services.contract.codes import WarningCode
from tests.integration.matrix.rows import NO_JSON, Row


def in_csv(content: bytes, names: Sequence[str], _: Path) -> list[list[str | None]]:
    """By pyarrow, to which an empty text is no null."""
    options = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    parsing = pa.csv.ParseOptions(newlines_in_values=True)
    read = pa.csv.read_csv(io.BytesIO(content), parse_options=parsing, convert_options=options)
    return [read.column(name).to_pylist() for name in names]


def plain_json(text: str | bytes) -> Any:
    """With the digits of numbers as they stand there."""
    return json.loads(text, parse_int=str, parse_float=str)


def in_json(content: bytes, names: Sequence[str], _: Path) -> list[list[Any]]:
    rows = [plain_json(line) for line in content.splitlines()]
    return [[row[name] for row in rows] for name in names]


def in_parquet(content: bytes, names: Sequence[str], file: Path) -> list[list[str | None]]:
    """By DuckDB."""
    file.write_bytes(content)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        described = connection.execute(f"describe select * from read_parquet('{file}')").fetchall()
        types = {name: type_ for name, type_, *_ in described}
        texts = ", ".join(f"to_base64({n})" if types[n] == "BLOB" else f"{n}::varchar" for n in names)
        rows = connection.execute(f"select {texts} from read_parquet('{file}')").fetchall()
    return [list(column) for column in zip(*rows, strict=True)]


def in_xlsx(content: bytes, names: Sequence[str], _: Path) -> list[list[Any]]:
    """By calamine: texts, numbers, booleans, moments; nothing is an empty text."""
    header, *rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    titles = [title.partition(" ")[0] for title in header]  # behind the name of a timestamp stands its zone
    places = [titles.index(name) for name in names]
    return [[row[place] if place < len(row) else "" for row in rows] for place in places]


def is_in_csv(found: str | None, row: Row) -> bool:
    return found == row.shown


def is_in_json(found: Any, row: Row) -> bool:
    """Values of json are no texts, but for those that are no JSON."""
    if row.shown is None:
        return found is None
    if row.type == "json" and row.mark != NO_JSON:
        return bool(found == plain_json(row.shown))
    return (str(found).lower() if isinstance(found, bool) else found) == row.shown


_BEFORE_CHRIST = re.compile(r"^(\d+)(-\d\d-\d\d) \(BC\)")
_FAR_YEAR = re.compile(r"^\d{5,}-")
_NO_DIGITS = re.compile(r"(\.\d*?)0+(?=Z?$)")


def is_in_parquet(found: str | None, row: Row) -> bool:
    if found is None or row.value is None:
        return found is None and row.value is None
    return _of_duckdb(found, row.type) == _of_csv(row.value, row.type)


def _of_duckdb(text: str, type_: str) -> str:
    """DuckDB writes no zero before the point of a decimal that is all fraction."""
    if type_.startswith("decimal"):
        return re.sub(r"^(-?)\.", r"\g<1>0.", text)
    if type_ in ("date", "timestamp"):
        text = _BEFORE_CHRIST.sub(lambda part: f"{'-' * (part[1] != '0001')}{int(part[1]) - 1:04}{part[2]}", text)
        text = _FAR_YEAR.sub(r"+\g<0>", text)
    return f"{text.replace(' ', 'T').removesuffix('+00')}Z" if type_ == "timestamp" else text


def _of_csv(text: str, type_: str) -> str:
    """As DuckDB writes it: fractions without zeros at their end, and the microseconds of a duration."""
    if type_ == "duration":
        return str(microseconds(text))
    return _NO_DIGITS.sub(r"\1", text).replace(".Z", "Z") if type_ in ("time", "timestamp") else text


def microseconds(text: str) -> int:
    """Of a duration as CSV has it."""
    parts = re.fullmatch(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?", text)
    assert parts, text
    days, hours, minutes, seconds = (Decimal(part or 0) for part in parts.groups()[1:])
    length = int((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000_000)
    return -length if parts[1] else length


_TEXTS = ("text", "json", "binary")
_MILLISECOND = timedelta(milliseconds=1)
_MOMENTS: dict[str, Callable[[str], datetime]] = {
    "date": datetime.fromisoformat,
    "time": lambda text: datetime.fromisoformat(f"1899-12-31T{text}"),
    "timestamp": lambda text: datetime.fromisoformat(text.removesuffix("Z")),
}


def is_in_xlsx(found: Any, row: Row) -> bool:
    """Whether a cell is the value, as a text where it cannot be that, and without what is finer than a millisecond."""
    if row.shown is None or isinstance(found, str):
        return bool(found == (row.shown or ""))
    if row.type in _MOMENTS:
        return timedelta() <= _MOMENTS[row.type](row.shown) - _moment(found) < _MILLISECOND
    if row.type == "duration":
        return bool(abs(found - timedelta(microseconds=microseconds(row.shown))) < _MILLISECOND)
    return found is (row.shown == "true") if row.type == "boolean" else float(found) == float(row.shown)


def is_text_in_xlsx(found: Any, row: Row) -> bool:
    """Whether a cell is a text that should be a number or a moment."""
    return isinstance(found, str) and row.shown is not None and row.type not in _TEXTS


def is_cut_in_xlsx(found: Any, row: Row) -> bool:
    """Whether a cell lacks what is finer than a millisecond."""
    if row.shown is None or isinstance(found, str) or row.type not in ("time", "timestamp", "duration"):
        return False
    if row.type == "duration":
        return microseconds(row.shown) % 1_000 != 0
    return bool(_MOMENTS[row.type](row.shown).microsecond % 1_000)


def _moment(cell: Any) -> datetime:
    if isinstance(cell, datetime):
        return cell
    return datetime.combine(cell, time()) if isinstance(cell, date) else datetime.combine(date(1899, 12, 31), cell)


def text_code(row: Row) -> WarningCode:
    """The code of a cell that is a text in place of what it should be."""
    if row.type == "duration":
        return WarningCode.DURATION_AS_TEXT
    return WarningCode.DATE_AS_TEXT if row.type in ("date", "timestamp") else WarningCode.LONG_NUMBER_AS_TEXT
