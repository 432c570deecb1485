"""No test hopes for a fast machine: a limit of time is PATIENCE_S, or its line says why it is another one."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.tiers import deep

pytestmark = deep

TESTS = Path(__file__).parent


def test_limits_of_time_are_patient() -> None:
    hopeful = [
        f"{path.relative_to(TESTS)}:{line}" for path in sorted(TESTS.rglob("*.py")) for line in unexplained(path)
    ]
    assert hopeful == []


def unexplained(path: Path) -> list[int]:
    """Lines with a limit of their own and no reason beside it."""
    lines = path.read_text().split("\n")
    return [line for line in limits(ast.parse("\n".join(lines))) if "  # " not in lines[line - 1]]


def limits(tree: ast.AST) -> Iterator[int]:
    """The lines of limits that are plain numbers."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call):
            yield from (limit.lineno for limit in _limits_of(call) if _is_number(limit))


def _limits_of(call: ast.Call) -> list[ast.expr]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    named = [keyword.value for keyword in call.keywords if keyword.arg in ("timeout", "within_s")]
    match name:
        case "timeout" | "join":
            return [*call.args, *named]
        case "wait_for":
            return [*call.args[1:], *named]
    return named


def _is_number(limit: ast.expr) -> bool:
    return isinstance(limit, ast.Constant) and isinstance(limit.value, int | float) and limit.value is not True


def test_a_hopeful_limit_is_found() -> None:
    code = "asyncio.timeout(5)\nawait wait_for(x, 3)\nrun(c, timeout=10)\nthread.join(1.5)\nwait_for(x, PATIENCE_S)\n"
    assert sorted(limits(ast.parse(code))) == [1, 2, 3, 4]
