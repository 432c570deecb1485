"""ExportClient and SyncExportClient: the same methods, with the same parameters."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from exportd_client import ExportClient, Keys, Operator, SyncExportClient, SyncKeys, SyncOperator

PAIRS = [(ExportClient, SyncExportClient), (Operator, SyncOperator), (Keys, SyncKeys)]
CLIENT = Path(__file__).parents[3] / "clients" / "python"


def _public(of: type) -> dict[str, inspect.Signature]:
    methods = inspect.getmembers(of, inspect.isfunction)
    return {name: inspect.signature(method) for name, method in methods if not name.startswith("_")}


@pytest.mark.parametrize(("for_asyncio", "for_threads"), PAIRS)
def test_both_have_the_same_methods_with_the_same_parameters(for_asyncio: type, for_threads: type) -> None:
    ours, theirs = _public(for_asyncio), _public(for_threads)
    assert {name: one.parameters for name, one in ours.items()} == {
        name: one.parameters for name, one in theirs.items()
    }
    assert inspect.signature(for_asyncio).parameters.keys() == inspect.signature(for_threads).parameters.keys()
    assert len(ours) >= 4


@pytest.mark.parametrize(("for_asyncio", "for_threads"), PAIRS)
def test_both_answer_with_the_same_types(for_asyncio: type, for_threads: type) -> None:
    """But for what is asynchronous about them."""
    plain = {
        name: str(one.return_annotation).replace("AsyncGenerator", "Generator")
        for name, one in _public(for_asyncio).items()
    }
    assert {name: str(one.return_annotation) for name, one in _public(for_threads).items()} == plain


@pytest.mark.parametrize("of", [SyncExportClient, SyncOperator])
def test_no_method_for_threads_is_asynchronous(of: type) -> None:
    methods = [method for _, method in inspect.getmembers(of, inspect.isfunction)]
    assert [m for m in methods if inspect.iscoroutinefunction(m) or inspect.isasyncgenfunction(m)] == []


@pytest.mark.parametrize("name", ["__aenter__", "__enter__"])
def test_each_is_entered_in_its_own_way_only(name: str) -> None:
    assert [hasattr(each, name) for each in (ExportClient, SyncExportClient)] == [
        name == "__aenter__",
        name == "__enter__",
    ]


def test_the_client_for_threads_is_the_one_that_is_made_now(tmp_path: Path) -> None:
    subprocess.run([sys.executable, CLIENT / "synchronize.py", tmp_path], check=True)
    made = {path.name: path.read_text() for path in tmp_path.glob("*.py")}
    kept = {name: (CLIENT / "exportd_client" / "sync" / name).read_text() for name in made}
    assert made == kept
    assert {"client.py", "operator.py"} <= made.keys()
