"""An operator who does not know whether a retry that broke off was heard."""

from dataclasses import dataclass, field, replace
from typing import Self

import pytest

from chaos.draw import round_of
from chaos.findings import Findings, Violation
from chaos.ledger import Account
from chaos.operator_retry import Operator
from chaos.workload import PASSWORD
from exportd_client import Export, FailedPrecondition, Unreachable

FAILED = Export(
    id="e", state=Export.STATE_CANCELLED, cancel_reason=Export.CANCEL_REASON_NOT_RETRYABLE, done=True, version=3, run=1
)
AGAIN = Export(id="e", state=Export.STATE_QUEUED, version=4, run=2)
REQUIRED = FailedPrecondition("give the password again", reason="PASSWORD_REQUIRED")
ILLEGAL = FailedPrecondition("it is QUEUED", reason="ILLEGAL_TRANSITION")
LOST = Unreachable("the connection broke")


@dataclass
class Service:
    """A client whose retries end with `answers`, in order: an error, or None for a new run.

    `heard` says of which of them, by their place, the service began a new run all the same.
    """

    answers: list[Exception | None]
    heard: tuple[int, ...] = ()
    export: Export = field(default_factory=lambda: FAILED)
    passwords: list[str | None] = field(default_factory=list)

    @property
    def operator(self) -> Self:
        return self

    async def retry(self, _export_id: str, *, max_attempts: int, password: str | None) -> Export:
        assert 1 <= max_attempts <= 10
        answer = self.answers[len(self.passwords)]
        if answer is None or len(self.passwords) in self.heard:
            self.export = AGAIN
        self.passwords.append(password)
        if answer is not None:
            raise answer
        return self.export

    async def get(self, _export_id: str) -> Export:
        return self.export


async def _retried(service: Service, *, password: bool = False) -> Account:
    findings = Findings()
    account = Account("1-0-0", replace(round_of(1, 0).scenarios[0], password=password), findings)
    account.observe(FAILED)
    await Operator(findings).retry(service, account, FAILED)  # type: ignore[arg-type]
    return account


def _violations(account: Account) -> set[Violation]:
    return {finding.violation for finding in account.findings.all}


@pytest.mark.parametrize(
    ("answers", "heard", "requests"),
    [
        ([None], (), 1),
        ([LOST], (0,), 1),
        ([LOST, None], (), 2),
        ([LOST, LOST], (1,), 2),
        ([LOST, ILLEGAL], (1,), 2),
    ],
)
async def test_it_is_retried_until_the_run_has_grown(
    answers: list[Exception | None], heard: tuple[int, ...], requests: int
) -> None:
    account = await _retried(Service(answers, heard))
    assert (account.retry_requests, account.retries_confirmed) == (requests, 1)
    assert account.last == AGAIN
    assert _violations(account) == set()


async def test_an_encrypted_one_is_tried_without_its_password_first() -> None:
    service = Service([REQUIRED, None])
    account = await _retried(service, password=True)
    assert service.passwords == [None, PASSWORD]
    assert (account.retry_requests, account.retries_confirmed) == (1, 1)
    assert _violations(account) == set()


async def test_a_retry_without_the_password_that_is_accepted_is_found() -> None:
    assert Violation.BAD_RETRY in _violations(await _retried(Service([None, ILLEGAL]), password=True))


async def test_a_retry_that_is_refused_is_found() -> None:
    account = await _retried(Service([ILLEGAL]))
    assert account.retries_confirmed == 0
    assert _violations(account) == {Violation.BAD_RETRY}
