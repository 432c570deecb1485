"""No text makes a regular expression take more than its share: twice the text, twice the steps."""

import re
import sys
from collections.abc import Iterator

import pytest

from services.worker.sources.stores import globs
from tests.linters.backtracking import Parsed, Use, steps, superlinear
from tests.unit.hostile.patterns import Pattern, patterns, unnamed

pytestmark = pytest.mark.slow

PATTERNS = {str(pattern): pattern for pattern in patterns()}


@pytest.fixture(autouse=True)
def _deep() -> Iterator[None]:
    """The matcher goes as deep as the text is long."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    yield
    sys.setrecursionlimit(limit)


MADE_AT_RUN_TIME = {
    "services/worker/sources/stores/globs.py",
    "services/worker/sources/files/csv_copies.py",  # it looks behind itself, and never gives back what it took
}


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=str)
def test_the_steps_grow_as_the_text_does(pattern: Pattern) -> None:
    assert superlinear(pattern.compiled, pattern.use) is None


def test_every_pattern_is_seen() -> None:
    assert len({pattern.name for pattern in PATTERNS.values()}) > 40
    assert {*unnamed()} == MADE_AT_RUN_TIME, "give it a name in its module, as others have"


@pytest.mark.parametrize(
    ("pattern", "use"),
    [
        (r"([+-]?)0*([0-9]+)", Use.WHOLE),
        (r"<([^>]*)>([^<]*)", Use.ANYWHERE),
        (r'rel="(?:[^"]*\s)?next(?:\s[^"]*)?"', Use.ANYWHERE),
        (r"(a+)+b", Use.WHOLE),
        (r"[a-z]+[.]", Use.ANYWHERE),
        (r"(.*),(.*)", Use.WHOLE),
    ],
)
def test_what_is_too_slow_is_found(pattern: str, use: Use) -> None:
    assert superlinear(re.compile(pattern), use)


@pytest.mark.parametrize("pattern", [r"(?>a+)+b", r"[0-9]{1,30}", r"<([^<>]*)>", r"([+-]?)([0-9]+)", r"a{0,61}a{0,61}"])
def test_what_is_not_is_not(pattern: str) -> None:
    assert superlinear(re.compile(pattern), Use.WHOLE) is None


@pytest.mark.parametrize(
    ("glob", "name"),
    [
        ("*a*a*a*a*a*b", "a"),
        ("**/a/**/a/**/a/b", "a/"),
        ("**/*a*/**/*a*/b", "a/"),
        ("*[ab]*?*[ab]*c", "ab"),
        ("*" * 50 + "b", "a"),
    ],
)
def test_globs_take_names_in_steps_that_grow_as_they_do(glob: str, name: str) -> None:
    parsed = Parsed.of(globs.compiled(glob))
    short, long = (steps(parsed, name * n + "x", Use.WHOLE) for n in (100, 400))
    assert long <= 5 * short
