"""What chaos takes for a wrong announcement."""

from typing import Any

import pytest

from chaos.ledger import Account, Findings, Violation
from chaos.plan import round_of
from chaos.receiver import Call, Receiver
from exportd_client import Export, File


def _account(export: Export, *, callback: str = "http://127.0.0.1/1-0-0") -> Account:
    account = Account("1-0-0", round_of(1, 0).scenarios[0], Findings(), callback=callback)
    account.record_create(export)
    account.observe(export)
    return account


COMPLETED = Export(id="e", state=Export.COMPLETED, done=True, version=3, file=File(id="f", size_bytes=7))
CANCELLED = Export(id="e", state=Export.CANCELLED, done=True, version=3)
BODY = {"idExportJob": "e", "success": True, "status": "COMPLETED", "fileSizeBytes": 7}


def _found(account: Account, *bodies: dict[str, Any], ids: str = "aaa") -> list[Violation]:
    receiver = Receiver()
    for id_, one in zip(ids, bodies, strict=False):
        receiver.calls[account.request_id].append(Call(id_, one))
    receiver.check(account, account.findings)
    return [finding.violation for finding in account.findings.all]


def test_one_announcement_is_fine_and_so_is_its_repetition() -> None:
    assert _found(_account(COMPLETED), BODY) == []
    assert _found(_account(COMPLETED), BODY, BODY) == []


def test_none_is_found() -> None:
    assert _found(_account(COMPLETED)) == [Violation.NOTIFICATION_MISSING]


def test_two_different_ones_are_found() -> None:
    assert _found(_account(COMPLETED), BODY, BODY, ids="ab") == [Violation.NOTIFICATION_CONTRADICTING]


@pytest.mark.parametrize(
    "lie", [{"status": "CANCELLED"}, {"success": False}, {"fileSizeBytes": 8}, {"idExportJob": "x"}]
)
def test_one_that_is_not_so_is_found(lie: dict[str, Any]) -> None:
    assert _found(_account(COMPLETED), BODY | lie) == [Violation.NOTIFICATION_CONTRADICTING]


def test_a_completion_of_what_was_cancelled_is_found() -> None:
    assert _found(_account(CANCELLED), BODY) == [Violation.NOTIFICATION_CONTRADICTING]


def test_one_that_nobody_asked_for_is_found() -> None:
    assert _found(_account(COMPLETED, callback=""), BODY) == [Violation.NOTIFICATION_CONTRADICTING]
