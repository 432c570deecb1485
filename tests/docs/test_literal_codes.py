"""No code of a failure or a warning is written anywhere but in the table of codes."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from services.contract.codes import FailureCode, WarningCode
from services.contract.status import BY_REASON

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "services/contract/codes.py"
SOURCES = sorted(p for folder in ("services", "chaos", "bench", "demo") for p in (ROOT / folder).rglob("*.py"))
# Reasons of calls that share the name of a code: contract/errors.py names them, and the programs that compare them.
AMBIGUOUS = BY_REASON.keys() & {*FailureCode, *WarningCode}
CODES = {*FailureCode, *WarningCode} - AMBIGUOUS


@cache
def _strings(path: Path) -> tuple[tuple[int, str], ...]:
    """Every string of a module, with its line."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    constants = (node for node in nodes if isinstance(node, ast.Constant))
    return tuple((node.lineno, node.value) for node in constants if isinstance(node.value, str))


def _literals(path: Path) -> Iterator[str]:
    """Codes in strings of a module, also those that begin a longer one, as in "CODE: message"."""
    for line, text in _strings(path):
        word = text.partition(":")[0]
        if word in CODES:
            yield f"{path.relative_to(ROOT)}:{line}: {word}"


def test_the_table_is_found() -> None:
    assert {text.rpartition(" ")[2] for text in _literals(TABLE)} == CODES
    assert {"ROWS_MISSING", "STORE_MISMATCH", "STORE_UNAVAILABLE", "INTERNAL"} == AMBIGUOUS


@pytest.mark.parametrize("code", sorted(AMBIGUOUS))
def test_a_name_that_is_a_reason_too_is_written_where_reasons_are(code: str) -> None:
    found = {str(path.relative_to(ROOT)) for path in SOURCES for _, text in _strings(path) if text == code}
    assert found <= {"services/contract/codes.py", "services/contract/errors.py", "chaos/preview_checks.py"}


def test_no_other_module_writes_a_code() -> None:
    assert [text for path in SOURCES if path != TABLE for text in _literals(path)] == []
