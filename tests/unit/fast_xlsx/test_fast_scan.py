"""What is found by looking at bytes."""

import polars as pl
import pyarrow as pa
import pytest

from services.worker.writers.text_bytes import blocks_of
from services.worker.writers.xlsx.scan import TextTraits, scan

NOTHING = TextTraits(unusual=False, markup=False, edges=False, longest=0)


def scanned(*values: str | None) -> TextTraits:
    return scan(pa.array(["<", *values, "\0"], pa.large_string())[1:-1])


@pytest.mark.parametrize("values", [[], [None], [""], ["", None, ""]])
def test_nothing_is_found_in_nothing(values):
    assert scanned(*values) == NOTHING


@pytest.mark.parametrize("text", ["\0", "\x1f", "a\rb", "_x0041_", "\ufffe", "\uffff"])
def test_texts_that_a_cell_writes_differently_are_unusual(text):
    assert scanned("a", text).unusual


@pytest.mark.parametrize("text", ["&", "a<b", ">", "a\rb"])
def test_what_xml_escapes_is_found(text):
    assert scanned("a", text).markup


@pytest.mark.parametrize("texts", [(" a",), ("a ",), ("b", "\ta", "c"), ("", "a\n"), (" ", ""), (None, "a ", None)])
def test_white_space_at_the_ends_is_found(texts):
    assert scanned(*texts).edges


def test_harmless_texts_are_harmless():
    assert scanned("a b", "", None, "é😀", "c") == TextTraits(unusual=False, markup=False, edges=False, longest=6)


def test_neighbours_outside_of_a_slice_are_not_looked_at():
    whole = pa.array([" <", "abc", "d", "&\0 "], pa.large_string())
    assert scan(whole.slice(1, 2)) == TextTraits(unusual=False, markup=False, edges=False, longest=3)


@pytest.mark.parametrize(
    "texts",
    [
        pl.Series(["a" * 20, "b" * 13]),
        pl.Series(["a" * 20, "short", "b" * 13]),
        pl.Series(["a" * 20] * 3)[1:],
        pl.Series(["a" * 20, "b" * 20, "c" * 20]).gather([2, 0, 1]),
        pl.Series(["a" * 20, "b" * 20]).gather([0, 0]),
        pl.Series(["a" * 20, "b" * 20]).filter([False, True]),
        pl.Series([f"{n:020}" for n in range(100_000)]),
        pl.concat([pl.Series(["a" * 20]), pl.Series(["b" * 20])]),
        pl.Series(["b"]),
    ],
)
def test_blocks_are_the_texts_in_order_however_they_lie(texts):
    assert b"".join(blocks_of(texts)).decode() == "".join(texts)


def test_joined_texts_are_not_copied():
    joined = pl.DataFrame({"n": range(50_000)}).select(pl.concat_str(pl.lit("number of the row: "), "n")).to_series()
    assert len(blocks_of(joined)) > 1
