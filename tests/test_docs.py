"""What the README says is what the code does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.rpc import code_pb2

from exportd.v1 import error_reason_pb2
from exportd_client.enums import names_of
from services.api.domain.states import TRANSITIONS
from services.contract.status import CODES
from services.worker.writers.values import Loss

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SOURCES = [path for folder in ("services", "exportd_client") for path in (ROOT / folder).rglob("*.py")]


def _table(heading: str) -> list[list[str]]:
    """Rows of the first table below a heading, without its head; code marks are stripped."""
    section = README.split(f"\n## {heading}\n")[1]
    lines = section.split("\n|", 1)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_table_of_states_is_the_table_of_the_code() -> None:
    shown = {(row[0], row[1], row[2]) for row in _table("The life of an export")}
    assert shown == {(state.name, event.value, to.name) for (state, event), to in TRANSITIONS.items()}


def test_every_setting_is_documented_and_no_other() -> None:
    used = {name for path in SOURCES for name in re.findall(r'"(EXPORTD_[A-Z_]+)"', path.read_text())}
    assert {row[0] for row in _table("Settings")} == used


def test_every_reason_is_documented_with_its_code() -> None:
    shown = {row[0]: row[1] for row in _table("Errors")}
    assert shown == {error.reason: code_pb2.Code.Name(code) for error, code in CODES.items()}


def test_every_reason_of_the_code_is_one_of_the_interface() -> None:
    assert {error.reason for error in CODES} <= set(names_of(error_reason_pb2.ErrorReason))


def _codes_given_to(*callees: str) -> Iterator[str]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in callees:
                yield from (a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str))


def _source_codes() -> set[str]:
    text = (ROOT / "services/worker/sources/errors.py").read_text()
    return set(re.findall(r'^([A-Z_]+) = "\1"$', text, re.MULTILINE))


FAILURES = {*_codes_given_to("Failure", "CannotWrite"), *_source_codes(), "LEASE_EXPIRED"}
WARNINGS = {*_codes_given_to("ExportWarning"), *(loss.name for loss in Loss)}


@pytest.mark.parametrize("code", sorted(FAILURES | WARNINGS))
def test_every_code_of_a_failure_or_warning_is_documented(code: str) -> None:
    assert f"| `{code}` |" in README


def test_the_commands_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", README)) <= targets
