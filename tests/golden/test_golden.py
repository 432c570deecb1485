"""What writers make is what was once checked and kept. When a change is meant: `python -m tests.golden.update`."""

import pytest

from tests.golden.cases import CASES
from tests.golden.update import EXPECTED, made

UPDATE = "when this is meant: python -m tests.golden.update"


@pytest.mark.parametrize("name", CASES)
def test_the_file_is_what_it_was(name):
    assert made(name).decode() == (EXPECTED / name).read_bytes().decode(), UPDATE


def test_no_file_is_kept_that_nothing_makes():
    assert {path.name for path in EXPECTED.iterdir()} == set(CASES)
