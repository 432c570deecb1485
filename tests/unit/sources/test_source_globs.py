"""Patterns of paths in an object store find what pathlib finds in a directory."""

import os
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.worker.sources.files.walk import Walk
from services.worker.sources.stores.globs import compiled, fixed
from tests.budget import examples

FILES = [
    "a.csv",
    "b/a.csv",
    "b/c/a.csv",
    "b/c/d/b.csv",
    "b/.a.csv",
    "b[1]/x+y.csv",
    "ñ/^.csv",
    "b/c/-.csv",
    "b/c/].csv",
]
PATTERNS = [
    *("*.csv", "b/*.csv", "**/*.csv", "b/**/*.csv", "b/**/c/*.csv", "**/a.csv", "*/*", "**", "b/c/a.csv", "./a.csv"),
    *("[ab].csv", "b/c/[!a].csv", "b/c/[]-].csv", "b[[]1]/*", "?/?.csv", "ñ/[\\^].csv", "b/c/[a-c].csv", "[z-a].csv"),
    *("b//a.csv", "b/c", "*.CSV", "x+y.csv", "b[1]/*"),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("globs")
    for path in FILES:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


@pytest.mark.parametrize("pattern", PATTERNS)
def test_as_pathlib_does(root: Path, pattern: str) -> None:
    expected = {found.relative_to(root).as_posix() for found in root.glob(pattern) if found.is_file()}
    assert {path for path in FILES if compiled(pattern).fullmatch(path)} == expected


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_walk_finds_what_pathlib_does(root: Path, pattern: str) -> None:
    expected = {found.relative_to(root).parts for found in root.glob(pattern) if found.is_file()}
    assert Walk(root, hard_links=False).files(pattern) == expected


def test_only_what_can_match_is_listed() -> None:
    for pattern, path in product(PATTERNS, FILES):
        if compiled(pattern).fullmatch(path):
            assert os.path.commonpath([path, fixed(pattern) or "."]) == "" or path.startswith(fixed(pattern))
    assert fixed("2026/01/*.csv") == "2026/01"
    assert fixed("2026/**/x/*.csv") == "2026"
    assert fixed(".//2026//a.csv") == "2026"
    assert fixed("a.csv") == fixed("*/a.csv") == ""


def matches(pattern: list[str], path: list[str]) -> bool:
    """Step by step, as pathlib says it: what is compiled has no step of its own."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return matches(pattern[1:], path) or (len(path) > 1 and matches(pattern, path[1:]))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and matches(pattern[1:], path[1:])


STEP = st.text("ab*?[]!", min_size=1, max_size=6).filter(lambda step: step != "**")
NAME = st.text("ab[]!", min_size=1, max_size=6)


@pytest.mark.slow
@settings(max_examples=examples(1000), deadline=None)
@given(st.lists(STEP | st.just("**"), max_size=5), STEP, st.lists(NAME, min_size=1, max_size=5))
def test_every_pattern_means_what_its_steps_do(folders: list[str], name: str, path: list[str]) -> None:
    pattern = [*folders, name]
    assert (compiled("/".join(pattern)).fullmatch("/".join(path)) is not None) is matches(pattern, path)
