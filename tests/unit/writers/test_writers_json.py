import json
from decimal import Decimal

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.formats import Format
from services.contract.spec import ColumnSpec, ColumnType, Kind
from services.worker.json_text import all_json
from services.worker.writers.json import field_tree
from tests.budget import examples
from tests.unit.writers.plain_model import PARSERS, same
from tests.unit.writers.writer_tables import COLUMNS, ROWS, counts, text_columns, written

BARE = {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN, Kind.JSON}


def flat(document: dict, prefix: str = "") -> dict:
    """Nested objects as dotted fields; raw JSON of the column `deep.er.json` stays whole."""
    fields = {}
    for name, value in document.items():
        inner = isinstance(value, dict) and prefix + name != "deep.er.json"
        fields.update(flat(value, f"{prefix}{name}.") if inner else {prefix + name: value})
    return fields


def documents(table_format: Format, content: bytes) -> list[dict]:
    exact = json.JSONDecoder(parse_float=Decimal)
    texts = [exact.decode(line) for line in content.decode().split("\n")[:-1]] if table_format is Format.JSONL else None
    return exact.decode(content.decode()) if texts is None else texts


@pytest.mark.slow
@pytest.mark.parametrize("table_format", [Format.JSON, Format.JSONL])
@settings(deadline=None, max_examples=examples(60))
@given(rows=ROWS)
def test_every_value_reads_back_from_json(table_format, rows):
    content, writer = written(table_format, COLUMNS, rows[:2], rows[2:])
    found = documents(table_format, content)
    assert len(found) == len(rows) == writer.rows_written
    for document, row in zip(found, rows, strict=True):
        values = flat(document)
        assert values.keys() == row.keys()
        for column in COLUMNS:
            value, expected, kind = values[column.field], row[column.field], column.type.kind
            if kind is Kind.FLOAT and value is not None:
                value = float(value)
            elif kind is Kind.JSON and expected is not None:
                expected = json.loads(expected, parse_float=Decimal)
            elif value is not None and kind not in BARE:
                value = PARSERS[kind](value)
            assert same(kind, value, expected), (column, value, expected)


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(30))
@given(rows=ROWS.filter(lambda rows: all(r["float"] is None or abs(r["float"]) < 1e300 for r in rows)))
def test_orjson_reads_what_is_written(rows):
    rows = [{**row, "deep.er.json": None} for row in rows]
    array, _ = written(Format.JSON, COLUMNS, rows)
    lines, _ = written(Format.JSONL, COLUMNS, rows)
    assert orjson.loads(array) == [orjson.loads(line) for line in lines.splitlines()]
    assert [d["float"] for d in orjson.loads(array)] == [r["float"] for r in rows]
    assert [d["text"] for d in orjson.loads(array)] == [r["text"] for r in rows]


def test_a_table_without_rows_is_an_empty_array_or_an_empty_file():
    assert written(Format.JSON, COLUMNS, [])[0] == b"[]\n"
    assert written(Format.JSON, COLUMNS)[0] == b"[]\n"
    assert written(Format.JSONL, COLUMNS, [])[0] == b""


def test_dotted_fields_nest_and_numbers_keep_their_digits():
    columns = (
        *text_columns("issuer.rfc"),
        ColumnSpec("t", "total", "Total", ColumnType(Kind.DECIMAL, 38, 2)),
        *text_columns("issuer.name"),
        ColumnSpec("j", "raw", "Raw", ColumnType(Kind.JSON)),
    )
    row = {
        "issuer.rfc": "X",
        "total": Decimal("123456789012345678901234.50"),
        "issuer.name": "é\x01",
        "raw": '{"b":1.00}',
    }
    content, _ = written(Format.JSONL, columns, [row])
    expected = '{"issuer":{"rfc":"X","name":"é\\u0001"},"total":123456789012345678901234.50,"raw":{"b":1.00}}\n'
    assert content.decode() == expected


def test_a_field_under_another_field_keeps_its_dots():
    assert field_tree(("a", "a.b", "c.d", "c.e")) == {"a": 0, "a.b": 1, "c": {"d": 2, "e": 3}}
    assert field_tree(("a.b.c", "a.b", "a.d")) == {"a.b.c": 0, "a": {"b": 1, "d": 2}}


def test_what_is_no_json_becomes_a_string_and_is_counted():
    column = ColumnSpec("j", "j", "j", ColumnType(Kind.JSON))
    texts = ['{"a":', "1", "", None, "NaN", '1},{"j":2', "[\n1]"]
    content, writer = written(Format.JSONL, (column,), [{"j": text} for text in texts])
    assert [json.loads(line)["j"] for line in content.splitlines()] == ['{"a":', 1, "", None, "NaN", '1},{"j":2', [1]]
    assert counts(writer) == {"INVALID_JSON_AS_TEXT": 4}


@given(
    st.lists(
        st.sampled_from(["1", "[", "]", '[{"x":1', "2}]", '1},{"x":2', "{", "}", "1,2", '"', '""', " "]), max_size=4
    )
)
def test_texts_are_json_together_only_when_each_is(texts):
    def alone(text):
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError:
            return False
        return True

    assert all_json(texts) == all(map(alone, texts))
