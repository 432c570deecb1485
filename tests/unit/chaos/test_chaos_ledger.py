"""What chaos takes for wrong."""

import pytest

from chaos.draw import round_of
from chaos.findings import Findings, Violation
from chaos.ledger import Account
from exportd_client import Export, File


@pytest.fixture
def account() -> Account:
    return Account("1-0-0", round_of(1, 0).scenarios[0], Findings())


def _found(account: Account) -> list[Violation]:
    return [finding.violation for finding in account.findings.all]


def _completed(file_id: str, version: int = 3) -> Export:
    return Export(id="e", state=Export.STATE_COMPLETED, done=True, version=version, run=1, file=File(id=file_id))


def test_a_regular_life_is_fine(account: Account) -> None:
    account.record_create(Export(id="e"))
    account.record_create(Export(id="e"))
    account.observe(Export(id="e", state=Export.STATE_QUEUED, version=1, run=1))
    account.observe(Export(id="e", state=Export.STATE_PROCESSING, version=2, run=1))
    account.observe(_completed("f"))
    account.observe(_completed("f"))
    assert _found(account) == []


def test_a_request_id_that_makes_two_exports_is_found(account: Account) -> None:
    account.record_create(Export(id="e"))
    account.record_create(Export(id="other"))
    assert _found(account) == [Violation.LOST]


def test_a_version_that_goes_back_is_found(account: Account) -> None:
    account.observe(Export(id="e", state=Export.STATE_PROCESSING, version=2, run=1))
    account.observe(Export(id="e", state=Export.STATE_QUEUED, version=1, run=1))
    assert _found(account) == [Violation.UNEXPECTED]


def test_an_end_that_is_undone_is_found(account: Account) -> None:
    account.observe(_completed("f"))
    account.observe(Export(id="e", state=Export.STATE_FAILED, version=4, run=1))
    assert _found(account) == [Violation.UNEXPECTED]


def test_an_export_that_completes_twice_is_found(account: Account) -> None:
    account.observe(_completed("f"))
    account.observe(_completed("g", version=4))
    assert _found(account) == [Violation.DOUBLED]


def test_a_cancel_that_does_not_hold_is_found(account: Account) -> None:
    account.cancel_confirmed = True
    account.observe(_completed("f"))
    assert _found(account) == [Violation.UNEXPECTED]


# ---- retries by an operator


def _failed(reason: Export.CancelReason.ValueType = Export.CANCEL_REASON_NOT_RETRYABLE) -> Export:
    return Export(id="e", state=Export.STATE_CANCELLED, cancel_reason=reason, done=True, version=3, run=1)


SECOND_RUN = Export(id="e", state=Export.STATE_QUEUED, version=4, run=2)


def test_a_second_run_after_a_retry_is_fine_and_both_ends_are_kept(account: Account) -> None:
    account.retry_requests = 1
    account.observe(_failed())
    account.observe(SECOND_RUN)
    account.observe(Export(id="e", state=Export.STATE_COMPLETED, done=True, version=6, run=2))
    assert _found(account) == []
    assert {run: end.state for run, end in account.ends.items()} == {
        1: Export.STATE_CANCELLED,
        2: Export.STATE_COMPLETED,
    }


def test_a_second_run_that_no_operator_asked_for_is_found(account: Account) -> None:
    account.observe(_failed())
    account.observe(SECOND_RUN)
    assert _found(account) == [Violation.BAD_RETRY]


@pytest.mark.parametrize("end", [_failed(Export.CANCEL_REASON_REQUESTED), _completed("f")])
def test_a_second_run_after_an_end_that_stays_is_found(account: Account, end: Export) -> None:
    account.retry_requests = 1
    account.observe(end)
    account.observe(SECOND_RUN)
    assert _found(account) == [Violation.UNEXPECTED]
