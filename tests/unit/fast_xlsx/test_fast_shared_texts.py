"""Texts that come again and again stand once in the workbook, and every reader finds them where they belong."""

import io
import zipfile
from functools import partial

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.spec import Kind
from services.worker.writers.xlsx.shared import MIN_ROWS, SharedTexts
from tests.budget import examples
from tests.linters.workbook_linter import workbook_faults
from tests.unit.fast_xlsx import test_fast_same_as_reference as reference
from tests.unit.fast_xlsx.fast_books import by_calamine, column, fast, part, sheet_xml, texts
from tests.unit.writers.writer_tables import TEXTS, batch_of, text_columns

ONE = text_columns("a")
TWO = text_columns("a", "b")
assert_same = partial(reference.assert_same, share_from_rows=1)


def often(*values: str | None):
    """Each value eight times: few different texts among many rows."""
    return texts(*values) * 8


def shared_part(content: bytes) -> str:
    return part(content, "xl/sharedStrings.xml")


def is_shared(content: bytes) -> bool:
    return "xl/sharedStrings.xml" in zipfile.ZipFile(io.BytesIO(content)).namelist()


def faults(content: bytes) -> list[str]:
    return [str(fault) for fault in workbook_faults(io.BytesIO(content))]


@pytest.mark.slow
@pytest.mark.parametrize("compact", [False, True])
@settings(deadline=None, max_examples=examples(60))
@given(batches=st.lists(st.lists(st.one_of(TEXTS, st.none()), min_size=1, max_size=3), min_size=1, max_size=3))
def test_nasty_texts_that_repeat_are_the_same(compact, batches, tmp_path_factory):
    spool_dir = tmp_path_factory.getbasetemp()
    assert_same(ONE, *[often(*values) for values in batches], spool_dir=spool_dir, compact=compact)


@pytest.mark.parametrize("compact", [False, True])
def test_columns_shared_half_shared_and_not_at_all_are_the_same(compact, tmp_path):
    columns = (*text_columns("a", "b", "c"), column(Kind.INTEGER))
    rows = [
        {"a": ["<x>", "", None, " y "][n % 4], "b": f"t{n // 2}" if n > 40 else "t", "c": f"u{n}", "x": n}
        for n in range(80)
    ]
    assert_same(columns, rows[:40], rows[40:], spool_dir=tmp_path, compact=compact)


@settings(deadline=None, max_examples=examples(40))
@given(batches=st.lists(st.lists(TEXTS, min_size=1, max_size=3), min_size=1, max_size=3))
def test_a_workbook_with_shared_texts_has_no_fault(batches):
    content, _ = fast(ONE, *[often(*values) for values in batches], share_from_rows=1)
    assert faults(content) == []


def test_a_text_of_two_columns_is_shared_once_and_every_use_is_counted():
    content, _ = fast(TWO, [{"a": "x & y", "b": "x & y"}, {"a": None, "b": " z"}] * 20, share_from_rows=1)
    expected = '<si><t>x &amp; y</t></si><si><t xml:space="preserve"> z</t></si></sst>'
    assert shared_part(content).endswith(f'count="60" uniqueCount="2">{expected}')
    assert '<c r="A2" s="1" t="s"><v>0</v></c><c r="B2" s="1" t="s"><v>0</v></c></row>' in sheet_xml(content)


def test_few_rows_are_not_worth_a_part():
    assert not is_shared(fast(ONE, texts("x") * (MIN_ROWS - 1))[0])
    assert is_shared(fast(ONE, texts("x") * MIN_ROWS)[0])


def test_the_texts_of_a_batch_are_looked_up_at_once(monkeypatch):
    asked = []
    monkeypatch.setattr(SharedTexts, "shares", lambda _, batch: asked.append(batch.num_rows) or {})
    fast(ONE, texts("x") * 20_000)
    assert asked == [20_000]


def test_texts_that_do_not_repeat_stay_in_their_cells():
    assert not is_shared(fast(ONE, texts(*map(str, range(MIN_ROWS))))[0])


def test_a_column_whose_texts_stop_repeating_goes_on_with_texts_in_its_cells(tmp_path):
    batches = [often("x", "y"), texts(*map(str, range(16))), often("x")]
    content, _ = fast(ONE, *batches, share_from_rows=1)
    assert sheet_xml(content).count('t="s"') == 16
    assert faults(content) == []
    assert_same(ONE, *batches, spool_dir=tmp_path)


def test_what_a_cell_writes_with_an_escape_is_not_shared():
    content, _ = fast(ONE, often("snake_case"), share_from_rows=1)
    assert is_shared(content)
    for text in ("_x0041_", "bell\x07", "\ufffe"):
        assert not is_shared(fast(ONE, often(text), share_from_rows=1)[0])


@pytest.mark.parametrize(
    ("limits", "columns"), [({}, [0, 1]), ({"max_texts": 3}, [0]), ({"max_bytes": 4}, [0]), ({"max_bytes": 3}, [])]
)
def test_no_more_texts_are_shared_than_memory_is_meant_for(limits, columns):
    rows = batch_of(TWO, [{"a": f"a{n % 2}", "b": f"b{n % 2}"} for n in range(20)])
    texts = SharedTexts(TWO, lambda numbers: numbers.cast(pl.String), 1, **limits)
    assert [*texts.shares(rows)] == columns
    assert len(texts.texts) == 2 * len(columns)


def test_the_same_rows_give_the_same_file_whatever_the_threads_do():
    rows = [{"a": f"a{n // 1000 % 90}", "b": f"b{n // 3 % 700}"} for n in range(70_000)]
    once, again = (fast(TWO, rows) for _ in range(2))
    assert sheet_xml(once[0]) == sheet_xml(again[0])
    assert shared_part(once[0]) == shared_part(again[0])


def test_later_sheets_share_the_same_texts():
    content, _ = fast(ONE, *[often("x", "y")] * 3, share_from_rows=1, max_sheet_rows=30)
    assert [len(rows) for rows in by_calamine(content).values()] == [30, 20]
    assert faults(content) == []
