"""Nested values of DuckDB (lists, structs, maps) as JSON with all digits."""

import json
import re
from collections.abc import Iterator

from services.worker.sources.rows.conditions import literal

_HOLDING = re.compile(r"\]$|^(STRUCT|TUPLE|MAP|UNION|VARIANT|JSON)\b")
_QUOTED = r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'"
_END = r"(?=[\[\]),]|$)"  # after a type; the name of a field is followed by a space
_REAL = re.compile(rf"{_QUOTED}|\bFLOAT{_END}")
_DECIMAL = re.compile(rf"{_QUOTED}|\bDECIMAL\((\d+),(\d+)\){_END}")
_REWRITTEN = re.compile(rf"{_QUOTED}|\b(JSON|VARIANT|DECIMAL\(38,38\)){_END}")
"""Types that to_json would change: numbers in JSON become doubles, and a fraction loses the zero before its point."""
_TOKEN = re.compile(rf"{_QUOTED}|[(\[]|[)\]]|,|[^\"'()\[\],]+")
_FIELD = re.compile(r"(\"(?:[^\"]|\"\")*\"|[^\" ]+) (.*)", re.DOTALL)
_COMMA = " || ',' || "
_VARIABLE = re.compile(r"\beach(\d+)\b")
_JSON_REAL = r"-?\d+\.\d+(?:e-?\d+)?"
_EXACT_DIGITS = 15
"""Digits up to which a decimal stays exact as a double. DuckDB converts decimals of up to 18 digits to doubles."""


def is_nested(stored_as: str) -> bool:
    """Whether values of this type contain other values."""
    return _HOLDING.search(stored_as) is not None


def json_of(raw: str, stored_as: str) -> str:
    """Return the same text as DuckDB's to_json, except that stored JSON is unchanged and numbers keep their digits."""
    if not any(part[1] for part in _REWRITTEN.finditer(stored_as)):
        return f"cast(to_json({_exact(raw, stored_as)}) as varchar)"
    if stored_as.endswith("]"):
        return _list(raw, stored_as[: stored_as.rindex("[")])
    kind, _, rest = stored_as.partition("(")
    inside = list(_split(rest[:-1]))
    match kind:
        case "STRUCT":
            return _struct(raw, [_field(part) for part in inside])
        case "TUPLE":
            return _tuple(raw, inside)
        case "MAP":
            return _map(raw, inside[1])
        case "UNION":
            return _union(raw, [_field(part) for part in inside])
    return _written_anew(raw, stored_as)


def with_zero(number: str) -> str:
    """Return a number as text. DuckDB omits the zero before the point if all digits are in the fraction."""
    return rf"regexp_replace(cast({number} as varchar), '^(-?)\.', '\10.')"


def _written_anew(raw: str, stored_as: str) -> str:
    if stored_as == "VARIANT":
        return _variant(raw)
    return f"cast({raw} as varchar)" if stored_as == "JSON" else with_zero(raw)


def _variant(raw: str) -> str:
    """Return a variant as JSON. A cast keeps the digits of decimals, while to_json turns them into doubles.

    In that cast, 4-byte reals have the digits of 8-byte reals. They are replaced by the digits in the value's own text,
    unless that text also contains the long form.
    """
    document, each = f"cast(cast({raw} as json) as varchar)", _variable(raw)
    short = f"cast(try_cast({each} as float) as varchar)"
    is_real = (
        f"try_cast({each} as float) = cast({each} as double) and {short} <> {each}"
        f" and not contains(cast({raw} as varchar), {each}) and contains(cast({raw} as varchar), {short})"
    )
    numbers = f"list_distinct(regexp_extract_all({document}, '{_JSON_REAL}'))"
    reals = f"list_filter({numbers}, lambda {each}: {is_real})"
    return f"list_reduce({reals}, lambda document, {each}: replace(document, {each}, {short}), {document})"


def _list(raw: str, of: str) -> str:
    each = _variable(raw)
    items = f"list_transform({raw}, lambda {each}: {_or_null(each, of)})"
    return f"('[' || array_to_string({items}, ',') || ']')"


def _map(raw: str, of: str) -> str:
    each = _variable(raw)
    name = f"cast(to_json(cast(struct_extract({each}, 'key') as varchar)) as varchar)"
    value = _or_null(f"struct_extract({each}, 'value')", of)
    member = f"{name} || ':' || {value}"
    members = f"list_transform(map_entries({raw}), lambda {each}: {member})"
    return f"('{{' || array_to_string({members}, ',') || '}}')"


def _struct(raw: str, fields: list[tuple[str, str]]) -> str:
    members = [_member(name, f"struct_extract({raw}, {literal(name)})", of) for name, of in fields]
    return _unless_null(raw, f"'{{' || {_COMMA.join(members)} || '}}'")


def _tuple(raw: str, types: list[str]) -> str:
    items = [_or_null(f"struct_extract({raw}, {place})", of) for place, of in enumerate(types, 1)]
    return _unless_null(raw, f"'[' || {_COMMA.join(items)} || ']'")


def _union(raw: str, fields: list[tuple[str, str]]) -> str:
    members = ((name, _member(name, f"union_extract({raw}, {literal(name)})", of)) for name, of in fields)
    cases = " ".join(f"when {literal(name)} then '{{' || {member} || '}}'" for name, member in members)
    return _unless_null(raw, f"case cast(union_tag({raw}) as varchar) {cases} end")


def _member(name: str, value: str, of: str) -> str:
    return f"{literal(json.dumps(name, ensure_ascii=False) + ':')} || {_or_null(value, of)}"


def _or_null(value: str, of: str) -> str:
    return f"coalesce({json_of(value, of)}, 'null')"


def _unless_null(raw: str, text: str) -> str:
    return f"case when {raw} is not null then {text} end"


def _variable(raw: str) -> str:
    """Return a name that no enclosing lambda uses."""
    return f"each{max(map(int, _VARIABLE.findall(raw)), default=0) + 1}"


def _field(text: str) -> tuple[str, str]:
    """Return the name and the type of a field."""
    match = _FIELD.fullmatch(text)
    assert match is not None, text  # noqa: S101 - DuckDB's own form
    name, of = match.groups()
    return (name[1:-1].replace('""', '"') if name[0] == '"' else name), of


def _split(text: str) -> Iterator[str]:
    """Yield the parts between the commas that are outside of brackets."""
    part, depth = "", 0
    for word in _TOKEN.findall(text):
        depth += (word in ("(", "[")) - (word in (")", "]"))
        if word == "," and not depth:
            yield part.strip()
            part = ""
        else:
            part += word
    yield part.strip()


def _exact(raw: str, stored_as: str) -> str:
    wide = _DECIMAL.sub(_wider, stored_as)
    as_text, as_doubles = _with_reals(wide, "VARCHAR"), _with_reals(wide, "DOUBLE")
    if as_doubles != wide:
        return f"cast(cast({raw} as {as_text}) as {as_doubles})"
    return f"cast({raw} as {wide})" if wide != stored_as else raw


def _wider(part: re.Match[str]) -> str:
    digits = int(part[1] or 0)
    return f"DECIMAL(38,{part[2]})" if digits > _EXACT_DIGITS else part[0]


def _with_reals(stored_as: str, other: str) -> str:
    return _REAL.sub(lambda part: other if part[0] == "FLOAT" else part[0], stored_as)
