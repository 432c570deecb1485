"""What a start imports, and when it looks for cycles."""

import gc
import importlib.util
import json
import subprocess
import sys

import pytest

from services.runtime.interpreter import garbage
from services.runtime.interpreter.imports import without
from services.worker.child.entry import MODULES
from tests.tiers import deep


def test_a_library_is_hidden_while_it_is_asked_to_be_and_no_longer() -> None:
    with without("this"), pytest.raises(ModuleNotFoundError):
        __import__("this")
    assert importlib.util.find_spec("this") is not None


def test_a_library_that_is_imported_stays() -> None:
    with without("json"):
        assert __import__("json") is json


@deep
def test_children_are_forked_without_pandas_though_pyarrow_would_take_it() -> None:
    code = (
        f"import importlib, sys; [*map(importlib.import_module, {MODULES})]; "
        "import pyarrow; pyarrow.array([1]); print('pandas' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.split() == ["False"]


@deep
def test_collections_are_rare_while_a_process_starts_and_skip_what_the_start_has_left() -> None:
    code = (
        "import gc; from services.runtime.interpreter import garbage; "
        "garbage.spare_start(); before = gc.get_stats()[0]['collections']; "
        "import services.api.app; during = gc.get_stats()[0]['collections'] - before; garbage.spare_present(); "
        "print(during, gc.get_count()[0] < 1000, gc.get_freeze_count() > 50_000, gc.get_threshold()[0])"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.split() == ["0", "True", "True", "10000"]
    assert gc.isenabled()


def test_what_work_leaves_is_collected_after_each_that_lasted_and_after_some_short_ones(monkeypatch) -> None:
    collected: list[None] = []
    monkeypatch.setattr(garbage.gc, "collect", lambda: collected.append(None))
    leftovers = garbage.Leftovers()
    leftovers.of_work(1.0)
    assert len(collected) == 1
    for _ in range(garbage.Leftovers.SHORT_ONES - 1):
        leftovers.of_work(0.01)
    assert len(collected) == 1
    leftovers.of_work(0.01)
    assert len(collected) == 2
