"""JSON whose numbers keep the text in which they were written. No number becomes a float, so no digit is lost."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Number:
    """A number as text."""

    text: str


def loads(text: str) -> Any:
    """Parse JSON like json.loads, but return a Number for each number."""
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)


def dumps(value: Any, *, ascii_only: bool = False) -> str:
    """Return a result of `loads`, or any other JSON value, as text."""
    match value:
        case Number():
            return value.text
        case dict():
            pairs = (
                f"{dumps(name, ascii_only=ascii_only)}: {dumps(one, ascii_only=ascii_only)}"
                for name, one in value.items()
            )
            return f"{{{', '.join(pairs)}}}"
        case list():
            return f"[{', '.join(dumps(one, ascii_only=ascii_only) for one in value)}]"
        case _:
            return json.dumps(value, ensure_ascii=ascii_only)
