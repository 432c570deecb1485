"""Checks whether previews showed the right rows, or were refused for a reason that a fault explains."""

import json
from collections.abc import Iterator, Sequence

from chaos.findings import Findings, Violation
from chaos.ledger import PreviewRecord
from chaos.plan import PreviewQuestion
from chaos.workload import ROWS, row
from services.contract.codes import FailureCode

EXCUSED_REFUSALS = frozenset({
    "UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "NO_WORKER", "SHUTTING_DOWN", "STORE_UNAVAILABLE",
    FailureCode.PREVIEW_TIMEOUT, FailureCode.WORKER_CRASHED,
})  # fmt: skip
"""Names of gRPC codes for connections that broke, and reasons and failure codes."""


def check_previews(records: Sequence[PreviewRecord], findings: Findings) -> None:
    """Check that each answer is right, that each refusal is excused, and that each preview was finally answered."""
    for problem in _problems(records):
        findings.add(Violation.BAD_PREVIEW, "", problem)


def unanswered(records: Sequence[PreviewRecord]) -> list[PreviewQuestion]:
    """Return the previews that were always refused, in order."""
    answered = {record.question for record in records if record.rows is not None}
    return list(dict.fromkeys(record.question for record in records if record.question not in answered))


def _problems(records: Sequence[PreviewRecord]) -> Iterator[str]:
    for record in records:
        problem = _refusal(record) if record.rows is None else _difference(record)
        if problem:
            yield f"{record.question}: {problem}"
    for question in unanswered(records):
        yield f"{question}: no answer, though everything was healed"


def _refusal(record: PreviewRecord) -> str:
    """Return why a refusal is not excused; empty if it is. Without faults a worker may still be busy."""
    excused = EXCUSED_REFUSALS if record.under_fire else {"NO_WORKER"}
    return "" if record.refusal in excused else f"refused, {record.refusal}"


def _difference(record: PreviewRecord) -> str:
    matching = range(record.question.first, ROWS[record.question.collection])
    numbers = list(reversed(matching) if record.question.descending else matching)[: record.question.rows]
    answer = [tuple(json.loads(each).items()) for each in record.rows or ()]
    expected = [tuple(zip(("n", "text"), row(n), strict=True)) for n in numbers]
    if answer != expected:
        return f"rows {answer[:3]} of {len(answer)} instead of {expected[:3]} of {len(expected)}"
    if record.rows_total not in (0, len(matching)):
        return f"{record.rows_total} rows match instead of {len(matching)}"
    return ""
