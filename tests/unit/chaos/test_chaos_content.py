"""What chaos takes for the content of a table."""

import json

import pytest

from chaos.content import BadAttachment, BadContent, DuplicateRow, TableReader, entry_name
from chaos.workload import FILE_TYPES, NOTE, PAPERS, SCAN, attachment, rows

LINES = [json.dumps({"n": n, "text": text}) for n, text in rows("Few")]


def _check(lines: list[str], collection: str = "Few", file_types: tuple[str, ...] = ()) -> None:
    TableReader().check("\n".join(lines).encode(), "jsonl", collection, file_types)


def test_all_rows_in_order_are_fine() -> None:
    _check(LINES)


def test_rows_that_are_missing_at_the_end_are_found() -> None:
    with pytest.raises(BadContent, match="rows instead of"):
        _check(LINES[:-1])


def test_a_row_that_is_missing_is_found() -> None:
    with pytest.raises(BadContent, match="number 8"):
        _check(LINES[:7] + LINES[8:])


def test_a_row_that_is_there_twice_is_found() -> None:
    with pytest.raises(DuplicateRow):
        _check([*LINES[:7], LINES[6], *LINES[7:]])


def test_another_text_is_found() -> None:
    with pytest.raises(BadContent, match="number five"):
        _check([*LINES[:5], json.dumps({"n": 5, "text": "number five"}), *LINES[6:]])


def test_another_column_is_found() -> None:
    with pytest.raises(BadContent, match="columns"):
        _check([json.dumps({"n": n, "text": text, "note": ""}) for n, text in rows("Few")])


def _papers(**files_of: list[str]) -> list[str]:
    """With the names of all attachments that there are, but for those of a row that is given."""
    names = {n: [entry_name(t, n) for t in FILE_TYPES if attachment(t, n) is not None] for n, _ in rows(PAPERS)}
    names |= {int(row.removeprefix("row")): files for row, files in files_of.items()}
    return [json.dumps({"n": n, "text": text, "files": names[n]}) for n, text in rows(PAPERS)]


def test_each_row_names_its_attachments() -> None:
    _check(_papers(), PAPERS, FILE_TYPES)


@pytest.mark.parametrize("files", [[], [entry_name(SCAN, 4), entry_name(NOTE, 5)], [entry_name(NOTE, 5)] * 2])
def test_a_row_that_names_others_is_found(files: list[str]) -> None:
    with pytest.raises(BadAttachment, match="row 5"):
        _check(_papers(row5=files), PAPERS, FILE_TYPES)


def test_an_attachment_that_is_missing_must_not_be_named() -> None:
    assert attachment(SCAN, 7) is None
    with pytest.raises(BadAttachment, match="row 7"):
        _check(_papers(row7=[entry_name(SCAN, 7), entry_name(NOTE, 7)]), PAPERS, FILE_TYPES)
