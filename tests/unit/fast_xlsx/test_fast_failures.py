"""Text that does not fit, broken batches and abandoned writers."""

import gc
import io
import threading
import zipfile

import pyarrow as pa
import pytest

from services.contract.spec import Kind
from services.worker.schema import arrow_schema
from services.worker.writers.values import CannotWrite
from services.worker.writers.xlsx import XlsxWriter
from tests.patience import PATIENCE_S
from tests.unit.fast_xlsx.fast_books import by_calamine, column, fast, texts
from tests.unit.writers.writer_tables import batch_of, text_columns

TEXT = text_columns("a")
TOO_LONG = "x" * 32_768


def begun() -> tuple[XlsxWriter, list[threading.Thread]]:
    """A writer with work in flight, and its threads."""
    before = set(threading.enumerate())
    writer = XlsxWriter(io.BytesIO(), TEXT, "invoices", "UTC")
    for _ in range(3):
        writer.write(batch_of(TEXT, texts(*["x"] * 1000)))
    return writer, [t for t in threading.enumerate() if t not in before]


def ended(threads: list[threading.Thread]) -> bool:
    for thread in threads:
        thread.join(PATIENCE_S)
    return bool(threads) and not any(t.is_alive() for t in threads)


@pytest.mark.parametrize("header", [TOO_LONG, "\U0001f600" * 16_384])
def test_a_header_that_fits_no_cell_is_refused_by_its_column(header):
    fits = "\U0001f600" * 16_383
    with pytest.raises(CannotWrite, match=f"row 0, column {header}: ") as refused:
        fast(text_columns("a", fits, header, "b"), [])
    assert refused.value.code == "TEXT_TOO_LONG"
    assert by_calamine(fast(text_columns("a_x0041_", fits), [])[0])["invoices"] == [["a_x0041_", fits]]


@pytest.mark.parametrize("rows_after", [0, 5])
def test_text_that_fits_no_cell_is_refused_by_row_and_column(rows_after):
    batches = [texts("a", "b"), texts("c", TOO_LONG), *[texts("d")] * rows_after]
    with pytest.raises(CannotWrite, match="row 4, column a") as refused:
        fast(TEXT, *batches)
    assert refused.value.code == "TEXT_TOO_LONG"


def test_the_first_refusal_in_row_order_is_the_one_that_is_raised():
    with pytest.raises(CannotWrite, match="row 2, column a"):
        fast(TEXT, *[texts("a"), texts(TOO_LONG)] * 4)


def test_a_writer_that_refused_makes_no_workbook():
    file = io.BytesIO()
    writer = XlsxWriter(file, TEXT, "invoices", "UTC")
    writer.write(batch_of(TEXT, texts("a", TOO_LONG)))
    with pytest.raises(CannotWrite):
        writer.close()
    with pytest.raises(ValueError, match="ended"):
        writer.close()
    with pytest.raises(ValueError, match="ended"):
        writer.write(batch_of(TEXT, texts("a")))
    assert not zipfile.is_zipfile(file)


def test_what_breaks_in_a_thread_is_raised_at_the_latest_by_close():
    days = (column(Kind.DATE),)
    far = pa.array([2**31 - 1], pa.int32()).cast(pa.date32())
    writer = XlsxWriter(io.BytesIO(), days, "invoices", "UTC")
    writer.write(pa.RecordBatch.from_arrays([far], schema=arrow_schema(days)))
    with pytest.raises(CannotWrite, match="DATE_OUT_OF_RANGE"):
        writer.close()


def test_a_file_that_takes_no_more_is_an_error_of_write_or_close():
    class Full(io.BytesIO):
        def write(self, block) -> int:
            if self.tell() > 10_000:
                raise OSError(28, "No space left on device")
            return super().write(block)

    writer = XlsxWriter(Full(), TEXT, "invoices", "UTC")
    writer.write(batch_of(TEXT, texts(*[f"{n * 7919}" for n in range(10_000)])))
    with pytest.raises(OSError, match="No space"):
        writer.close()


def test_threads_end_with_close():
    writer, threads = begun()
    writer.close()
    assert not any(t.is_alive() for t in threads)
    writer.abort()
    assert writer.rows_written == 3000


def test_threads_end_with_abort():
    writer, threads = begun()
    writer.abort()
    assert ended(threads)


def test_threads_end_with_a_dropped_writer():
    writer, threads = begun()
    del writer
    gc.collect()
    assert ended(threads)


def test_only_a_few_segments_are_in_flight():
    writer = XlsxWriter(io.BytesIO(), TEXT, "invoices", "UTC")
    for n in range(1, 20):
        writer.write(batch_of(TEXT, texts("x")))
        assert writer.rows_written >= n - 4
    writer.close()
    assert writer.rows_written == 19


def test_long_text_can_be_taken_elsewhere():
    taken = []

    def take(row: int, header: str, text: str) -> str:
        taken.append((row, header, len(text)))
        return f"see {row} & {header}"

    columns = (*text_columns("a", "b"), column(Kind.BINARY, header="Raw"), column(Kind.INTEGER, field="n"))
    fits = "😀" * 16_383 + "x"
    rows = [
        {"a": "short", "b": TOO_LONG, "x": b"1", "n": 1},
        {"a": fits + "x", "b": "y" * 40_000, "x": b"\0" * 30_000, "n": None},
        {"a": fits, "b": None, "x": None, "n": 3},
    ]
    content, writer = fast(columns, rows[:1], rows[1:], long_text=take)
    assert taken == [(1, "b", 32_768), (2, "a", 16_385), (2, "b", 40_000), (2, "Raw", 40_000)]
    assert by_calamine(content)["invoices"][1:] == [
        ["short", "see 1 & b", "MQ==", 1.0],
        ["see 2 & a", "see 2 & b", "see 2 & Raw", ""],
        [fits, "", "", 3.0],
    ]
    assert writer.warnings == []


def test_what_stands_for_long_text_must_fit_itself():
    with pytest.raises(CannotWrite, match="TEXT_TOO_LONG"):
        fast(TEXT, texts(TOO_LONG), long_text=lambda _row, _header, text: text)
