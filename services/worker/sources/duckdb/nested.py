"""Values of DuckDB that hold others: lists, structs, maps; as JSON with every digit."""

import re

_HOLDING = re.compile(r"\]$|^(STRUCT|MAP|UNION|VARIANT|JSON)\b")
_QUOTED = r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'"
_END = r"(?=[\[\]),]|$)"  # behind a type; behind the name of a field there is a space
_REAL = re.compile(rf"{_QUOTED}|\bFLOAT{_END}")
_DECIMAL = re.compile(rf"{_QUOTED}|\bDECIMAL\((\d+),(\d+)\){_END}")
_EXACT_DIGITS = 15
"""Of a decimal that DuckDB writes through a double, which it does up to 18 of them."""


def is_nested(stored_as: str) -> bool:
    """Whether values of this type hold values of others."""
    return _HOLDING.search(stored_as) is not None


def json_of(raw: str, stored_as: str) -> str:
    """The text that DuckDB's to_json gives, but reals of four bytes and decimals as what they are."""
    if stored_as == "JSON":  # to_json would write its numbers anew, as doubles
        return f"cast({raw} as varchar)"
    return f"cast(to_json({_exact(raw, stored_as)}) as varchar)"


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
