"""What chaos takes for the content of a file."""

import io
import json
import zipfile

import pytest

from chaos.workload import ROWS, BadContent, Content, DuplicateRow
from exportd_client import File

LINES = [json.dumps({"n": n, "text": f"number {n}"}) for n in range(ROWS["Few"])]


def _check(lines: list[str]) -> None:
    Content().check("\n".join(lines).encode(), File(extension="jsonl", row_count=ROWS["Few"]), "Few")


def test_all_rows_in_order_are_fine() -> None:
    _check(LINES)


def test_they_are_found_in_a_zip_too() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("manifest.json", "{}")
        archive.writestr("few.jsonl", "\n".join(LINES[:-1]))
    with pytest.raises(BadContent, match="rows instead of"):
        Content().check(packed.getvalue(), File(extension="zip", row_count=ROWS["Few"]), "Few")


def test_a_row_that_is_missing_is_found() -> None:
    with pytest.raises(BadContent, match="number 8"):
        _check(LINES[:7] + LINES[8:])


def test_a_row_that_is_there_twice_is_found() -> None:
    with pytest.raises(DuplicateRow):
        _check([*LINES[:7], LINES[6], *LINES[7:]])


def test_another_text_is_found() -> None:
    with pytest.raises(BadContent, match="number five"):
        _check([*LINES[:5], json.dumps({"n": 5, "text": "number five"}), *LINES[6:]])


def test_a_count_that_is_not_that_of_the_rows_is_found() -> None:
    with pytest.raises(BadContent, match="announced"):
        Content().check("\n".join(LINES).encode(), File(extension="jsonl", row_count=3), "Few")
