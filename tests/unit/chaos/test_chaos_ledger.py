"""What chaos takes for wrong."""

import pytest

from chaos.ledger import Account, Findings, Violation
from chaos.plan import round_of
from exportd_client import Export, File


@pytest.fixture
def account() -> Account:
    return Account("1-0-0", round_of(1, 0).scenarios[0], Findings())


def _found(account: Account) -> list[Violation]:
    return [finding.violation for finding in account.findings.all]


def _completed(file_id: str, version: int = 3) -> Export:
    return Export(id="e", state=Export.COMPLETED, done=True, version=version, file=File(id=file_id))


def test_a_regular_life_is_fine(account: Account) -> None:
    account.record_create(Export(id="e"))
    account.record_create(Export(id="e"))
    account.observe(Export(id="e", state=Export.QUEUED, version=1))
    account.observe(Export(id="e", state=Export.PROCESSING, version=2))
    account.observe(_completed("f"))
    account.observe(_completed("f"))
    assert _found(account) == []


def test_a_request_id_that_makes_two_exports_is_found(account: Account) -> None:
    account.record_create(Export(id="e"))
    account.record_create(Export(id="other"))
    assert _found(account) == [Violation.LOST]


def test_a_version_that_goes_back_is_found(account: Account) -> None:
    account.observe(Export(id="e", state=Export.PROCESSING, version=2))
    account.observe(Export(id="e", state=Export.QUEUED, version=1))
    assert _found(account) == [Violation.UNEXPECTED]


def test_an_end_that_is_undone_is_found(account: Account) -> None:
    account.observe(_completed("f"))
    account.observe(Export(id="e", state=Export.FAILED, version=4))
    assert _found(account) == [Violation.UNEXPECTED]


def test_an_export_that_completes_twice_is_found(account: Account) -> None:
    account.observe(_completed("f"))
    account.observe(_completed("g", version=4))
    assert _found(account) == [Violation.DOUBLED]


def test_a_cancel_that_does_not_hold_is_found(account: Account) -> None:
    account.cancel_confirmed = True
    account.observe(_completed("f"))
    assert _found(account) == [Violation.UNEXPECTED]
