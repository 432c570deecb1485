"""A process is started without a fork of this one: gRPC, with calls under way, often crashes in what is forked.

subprocess forks if the child is to have another user or group, or runs a function first.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACES = ("services", "clients/python", "demo", "bench", "chaos", "tests")
FORKING = {"preexec_fn", "user", "group", "extra_groups"}
STARTING = ("Popen", "subprocess.run", "check_output", "create_subprocess_exec", "create_subprocess_shell")


def test_no_subprocess_is_forked() -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for place in PLACES
        for path in (ROOT / place).rglob("*.py")
        if (names := sorted(_forking(ast.parse(path.read_text()))))
    }
    assert found == {}


def _forking(tree: ast.AST) -> Iterator[str]:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(STARTING):
            yield from (keyword.arg for keyword in call.keywords if keyword.arg in FORKING)
