"""Rows that come twice are left out, by a memory that does not grow."""

import tracemalloc

from services.worker.sources.http.repeats import Repeats
from tests.tiers import deep


def items(start: int, end: int) -> list[dict[str, int]]:
    return [{"id": n} for n in range(start, end)]


def repeats() -> Repeats:
    return Repeats(lambda found: [item["id"] for item in found])


def test_a_row_of_the_pages_before_is_left_out() -> None:
    seen = repeats()
    assert seen.left_out(items(0, 5_000)) == items(0, 5_000)
    assert seen.left_out(items(4_990, 6_000)) == items(5_000, 6_000)
    assert seen.left_out(items(0, 3)) == []
    assert seen.count == 13


def test_of_rows_in_one_page_the_first_stays() -> None:
    first, second = {"id": 1, "n": 1}, {"id": 1, "n": 2}
    assert repeats().left_out([first, {"id": 2}, second, second]) == [first, {"id": 2}]


def test_ten_thousand_rows_back_are_known_whatever_the_size_of_pages() -> None:
    for size in (7, 30, 4_000, 25_000):
        seen = repeats()
        for start in range(0, 60_000, size):
            seen.left_out(items(start, start + size))
        end = (60_000 + size - 1) // size * size
        assert seen.left_out(items(end - min(size, 10_000), end)) == []


@deep
def test_the_memory_is_that_of_some_thousand_keys() -> None:
    seen = repeats()
    tracemalloc.start()
    for start in range(0, 200_000, 1_000):
        seen.left_out(items(start, start + 1_000))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 6_000_000
