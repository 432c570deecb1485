"""Sorting by words of 64 bits gives the very frame that polars' stable sort gives."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.worker.sources.files.whole.quick_sort import Order
from tests.budget import examples

TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "\0", "a", "a\0", "a\0\0", "INV-0000001", "INV-0000002", "INV-00000010", "ñ", "é", "\U0001f600"]
    ),
    st.integers(0, 300).map(lambda n: f"the same beginning of all {n:09}"),
)
VALUES = {
    "text": (pl.String, TEXTS),
    "long": (pl.String, st.integers(0, 10**6).map(lambda n: f"invoice number {n:08} of this year")),
    "integer": (pl.Int64, st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)),
    "date": (pl.Date, st.dates(date(1, 1, 1), date(9999, 12, 31))),
    "moment": (pl.Datetime("us", "UTC"), st.datetimes(timezones=st.just(UTC)).filter(lambda at: at.year > 1)),
    "boolean": (pl.Boolean, st.booleans()),
}


def order(*terms: tuple[str, bool, bool]) -> Order:
    columns, descending, nulls_last = zip(*terms, strict=True)
    return Order(columns, descending, nulls_last)


def by_polars(frame: pl.DataFrame, how: Order) -> pl.DataFrame:
    return frame.sort(
        how.columns, descending=list(how.descending), nulls_last=list(how.nulls_last), maintain_order=True
    )


@settings(max_examples=examples(200))
@given(data=st.data(), name=st.sampled_from([*VALUES]), descending=st.booleans(), nulls_last=st.booleans())
def test_it_is_the_order_of_polars(data: st.DataObject, name: str, *, descending: bool, nulls_last: bool) -> None:
    type_, values = VALUES[name]
    nullable = data.draw(st.sampled_from([values, st.none() | values]))
    column = data.draw(st.lists(nullable, min_size=1, max_size=60))
    other = data.draw(st.lists(st.integers(0, 2), min_size=len(column), max_size=len(column)))
    frame = pl.DataFrame(
        {"first": pl.Series(column, dtype=type_), "other": other, "place": range(len(column))}, strict=False
    )
    for how in (
        order(("first", descending, nulls_last)),
        order(("first", descending, nulls_last), ("other", not descending, nulls_last)),
    ):
        assert how.sorted(frame).equals(by_polars(frame, how))


@pytest.mark.parametrize("descending", [False, True])
def test_a_few_rows_with_the_same_beginning_keep_their_order(*, descending: bool) -> None:
    texts = [f"{n * 7919 % 4001:08}-{n % 3}" for n in range(4001)] + [
        "00000017-2",
        "00000017-1",
        "00000017-1",
        "00000017",
    ]
    frame = pl.DataFrame({"text": texts, "place": range(len(texts))})
    how = order(("text", descending, True))
    assert how.sorted(frame).equals(by_polars(frame, how))


def test_a_part_of_a_frame_is_sorted_as_such() -> None:
    frame = pl.DataFrame({"text": [f"{n * 37 % 101:03} and more" for n in range(101)], "place": range(101)})
    part = frame.slice(20, 50)
    how = order(("text", False, True))
    assert how.sorted(part).equals(by_polars(part, how))


def test_moments_before_the_epoch_come_first() -> None:
    frame = pl.DataFrame({"at": [datetime(2026, 1, 1, tzinfo=UTC), datetime(1960, 1, 1, tzinfo=UTC)], "place": [0, 1]})
    assert order(("at", False, True)).sorted(frame.cast({"at": pl.Datetime("us", "UTC")}))["place"].to_list() == [1, 0]
