"""What chaos takes for a wrong preview."""

import json
from dataclasses import replace

import pytest

from chaos.findings import Findings, Violation
from chaos.ledger import PreviewRecord
from chaos.plan import PreviewQuestion
from chaos.preview_checks import check_previews, unanswered

QUESTION = PreviewQuestion(0.5, "ash", "Few", first=195, rows=3, descending=False)
DOWN = replace(QUESTION, descending=True)


def _rows(*numbers: int) -> tuple[str, ...]:
    return tuple(json.dumps({"n": n, "text": f"number {n}"}) for n in numbers)


def _problems(*records: PreviewRecord) -> list[str]:
    findings = Findings()
    check_previews(records, findings)
    assert all(finding.violation is Violation.BAD_PREVIEW for finding in findings.all)
    return [finding.what for finding in findings.all]


@pytest.mark.parametrize("total", [0, 5])
def test_the_first_rows_are_fine(total: int) -> None:
    assert _problems(PreviewRecord(QUESTION, under_fire=True, rows=_rows(195, 196, 197), rows_total=total)) == []
    assert _problems(PreviewRecord(DOWN, under_fire=True, rows=_rows(199, 198, 197), rows_total=total)) == []


def test_fewer_rows_than_asked_for_are_fine_at_the_end() -> None:
    assert _problems(PreviewRecord(replace(QUESTION, first=199), under_fire=True, rows=_rows(199))) == []


@pytest.mark.parametrize("numbers", [(), (195, 196), (195, 197, 196), (195, 196, 198), (194, 195, 196)])
def test_other_rows_are_found(numbers: tuple[int, ...]) -> None:
    (problem,) = _problems(PreviewRecord(QUESTION, under_fire=True, rows=_rows(*numbers)))
    assert "instead of" in problem


def test_another_column_is_found() -> None:
    rows = tuple(row.replace("text", "name") for row in _rows(195, 196, 197))
    assert _problems(PreviewRecord(QUESTION, under_fire=True, rows=rows))


def test_another_total_is_found() -> None:
    (problem,) = _problems(PreviewRecord(QUESTION, under_fire=True, rows=_rows(195, 196, 197), rows_total=200))
    assert "200 rows match" in problem


@pytest.mark.parametrize("refusal", ["NO_WORKER", "WORKER_CRASHED", "UNAVAILABLE"])
def test_a_refusal_is_fine_when_there_is_an_answer_at_last(refusal: str) -> None:
    refused = PreviewRecord(QUESTION, under_fire=True, refusal=refusal)
    answered = PreviewRecord(QUESTION, under_fire=False, rows=_rows(195, 196, 197))
    assert _problems(refused, answered) == []
    assert unanswered([refused, answered]) == []


def test_a_question_that_is_never_answered_is_found() -> None:
    refused = PreviewRecord(QUESTION, under_fire=True, refusal="NO_WORKER")
    (problem,) = _problems(refused, replace(refused, under_fire=False))
    assert "no answer" in problem
    assert unanswered([refused, refused]) == [QUESTION]


@pytest.mark.parametrize(
    ("refusal", "under_fire"),
    [("INTERNAL", True), ("INVALID_REQUEST", True), ("SOURCE_UNKNOWN", True), ("WORKER_CRASHED", False)],
)
def test_a_refusal_that_no_fault_explains_is_found(refusal: str, under_fire: bool) -> None:
    refused = PreviewRecord(QUESTION, under_fire=under_fire, refusal=refusal)
    answered = PreviewRecord(QUESTION, under_fire=False, rows=_rows(195, 196, 197))
    (problem,) = _problems(refused, answered)
    assert refusal in problem
