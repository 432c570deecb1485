"""What a child writes into its log about rows that it cannot read: classes and lines, and nothing of a row."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

import services.worker.child
from services.contract.outcome import Failure
from services.contract.spec import JobSpec
from services.worker.child import preview
from services.worker.order import PreviewOrder
from services.worker.sources.files.settings import CsvSettings
from services.worker.sources.sources import Sources
from tests.integration.sources.source_specs import spec_of

SECRET = "hunter2"
SPEC = spec_of("csv", {"id": "integer", "name": "text"}, order=())


class Broken(Sources):
    """A source whose driver says a row in an error that nobody expected."""

    @contextmanager
    def read(self, _: JobSpec) -> Iterator[Any]:
        raise RuntimeError(SECRET)
        yield

    def open_rows(self, *_: Any) -> Any:
        return self


def logged(sources: Sources) -> tuple[object, str]:
    with capture_logs() as lines:
        outcome = preview.run(PreviewOrder(SPEC, 10, "r1", sources))
    assert lines
    return outcome, repr(lines)


@pytest.mark.parametrize(
    "text", [f'id,name\n1,"{SECRET}\n', f"id,name\n1,{SECRET},x\n", f"id,name\n1,{SECRET}\udcff\n", f"id\n{SECRET}\n"]
)
def test_no_row_of_a_broken_file_is_in_the_log(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    outcome, log = logged(Sources({"things": CsvSettings("things", tmp_path)}))
    assert isinstance(outcome, Failure)
    assert SECRET not in log + str(outcome)
    assert "SourceFailed at " in log


def test_no_row_is_in_the_log_after_an_error_that_nobody_expected() -> None:
    outcome, log = logged(Broken({}))
    assert isinstance(outcome, Failure)
    assert SECRET not in log + str(outcome)
    assert "builtins.RuntimeError at test_log_of_rows.py" in log


def test_a_child_logs_no_exception_with_its_words() -> None:
    (folder,) = services.worker.child.__path__
    calls = [
        node.func.attr
        for file in Path(folder).glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    assert "outline" in calls
    assert "exception" not in calls
