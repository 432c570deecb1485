"""What chaos takes for a wrong retry by an operator."""

from dataclasses import replace

import pytest

from chaos.draw import round_of
from chaos.findings import Findings, Violation
from chaos.ledger import Account
from chaos.plan import CallerAction, Scenario
from chaos.retry_checks import check_retries, is_excused
from chaos.workload import DRAFTS
from exportd_client import Export, Transition

SCENARIO = replace(round_of(1, 0).scenarios[0], action=CallerAction.RETRY, collection=DRAFTS)
FAILED = Export(
    id="e",
    state=Export.STATE_CANCELLED,
    cancel_reason=Export.CANCEL_REASON_NOT_RETRYABLE,
    done=True,
    version=3,
    run=1,
    attempt=2,
)
COMPLETED = Export(id="e", state=Export.STATE_COMPLETED, done=True, version=9, run=2, attempt=3)
EXHAUSTED = Export(
    id="e",
    state=Export.STATE_CANCELLED,
    cancel_reason=Export.CANCEL_REASON_RETRIES_EXHAUSTED,
    done=True,
    version=9,
    run=2,
    attempt=12,
)


def _account(*ends: Export, requests: int = 1, confirmed: int = 1, scenario: Scenario = SCENARIO) -> Account:
    account = Account("1-0-0", scenario, Findings(), retry_requests=requests, retries_confirmed=confirmed)
    for end in ends:
        account.observe(end)
    return account


def _retry(run: int = 2, **changed: int) -> Transition:
    transition = Transition(
        event=Transition.EVENT_RETRY, run=run, actor=Transition.ACTOR_OPERATOR, before=Export.STATE_CANCELLED
    )
    for name, value in changed.items():
        setattr(transition, name, value)
    return transition


def _problems(account: Account, *retries: Transition) -> list[str]:
    assert account.last is not None
    check_retries(account, account.last, [Transition(event=Transition.EVENT_CREATE, run=1), *retries], account.findings)
    assert all(finding.violation is Violation.BAD_RETRY for finding in account.findings.all)
    return [finding.what for finding in account.findings.all]


@pytest.mark.parametrize("end", [COMPLETED, EXHAUSTED])
def test_a_second_run_that_ends_well_or_as_faults_explain_is_fine(end: Export) -> None:
    assert _problems(_account(FAILED, end), _retry()) == []


def test_an_export_that_nobody_retried_is_fine() -> None:
    scenario = replace(SCENARIO, action=CallerAction.DOWNLOAD, collection="Few")
    assert _problems(_account(FAILED, requests=0, confirmed=0, scenario=scenario)) == []


def test_a_retry_whose_answer_was_lost_may_count_or_not() -> None:
    third = Export()
    third.CopyFrom(COMPLETED)
    third.run = 3
    assert _problems(_account(FAILED, COMPLETED, requests=2), _retry()) == []
    assert _problems(_account(FAILED, third, requests=2), _retry(), _retry(3)) == []


def test_a_confirmed_retry_that_is_no_run_is_found() -> None:
    scenario = replace(SCENARIO, action=CallerAction.DOWNLOAD)
    assert _problems(_account(FAILED, scenario=scenario)) == ["run 1 after 1 retries, 1 of them confirmed"]


def test_a_run_that_nobody_asked_for_is_found() -> None:
    assert "run 2 after 0 retries, 0 of them confirmed" in _problems(
        _account(FAILED, COMPLETED, requests=0, confirmed=0), _retry()
    )


@pytest.mark.parametrize(
    "retries",
    [
        (),
        (_retry(3),),
        (_retry(), _retry()),
        (_retry(actor=Transition.ACTOR_CALLER),),
        (_retry(before=Export.STATE_FAILED),),
    ],
)
def test_a_history_that_tells_another_story_is_found(retries: tuple[Transition, ...]) -> None:
    (problem,) = _problems(_account(FAILED, COMPLETED), *retries)
    assert "history" in problem


def test_a_draft_that_fails_for_good_again_is_found() -> None:
    again = Export()
    again.CopyFrom(EXHAUSTED)
    again.cancel_reason = Export.CANCEL_REASON_NOT_RETRYABLE
    assert _problems(_account(FAILED, again), _retry()) == ["run 2 ended as CANCELLED"]


def test_a_draft_that_completes_before_it_is_corrected_is_found() -> None:
    first = Export()
    first.CopyFrom(COMPLETED)
    first.run = 1
    assert len(_problems(_account(first, requests=0, confirmed=0))) == 2


def test_the_wrong_value_of_a_draft_explains_failures_of_its_first_run_alone() -> None:
    account = _account(FAILED, COMPLETED)
    assert is_excused(account, "VALUE_INVALID", 2)
    assert not is_excused(account, "VALUE_INVALID", 3)
    assert not is_excused(account, "RELATION_MISSING", 2)
    assert not is_excused(_account(FAILED, scenario=replace(SCENARIO, collection="Few")), "VALUE_INVALID", 2)
