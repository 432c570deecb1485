"""JSON whose numbers stay as they are written: no float comes between, so that no digit is lost."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Number:
    """A number by its digits."""

    text: str


def loads(text: str) -> Any:
    """As json.loads, with a Number for each number."""
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)


def dumps(value: Any, *, ascii_only: bool = False) -> str:
    """What `loads` made, or any other value of JSON, as text."""
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
