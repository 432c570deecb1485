"""Checks whether operators' retries began new runs, and whether these ended as they must."""

from collections.abc import Iterator, Sequence

from chaos.findings import Findings, Violation
from chaos.ledger import Account
from chaos.plan import CallerAction
from chaos.workload import DRAFTS
from exportd_client import Export, Transition, name_of
from services.contract.codes import FailureCode


def check_retries(account: Account, export: Export, transitions: Sequence[Transition], findings: Findings) -> None:
    """Check that each confirmed retry is a run, that each run was requested, and that corrected exports complete."""
    for problem in _problems(account, export, transitions):
        findings.add(Violation.BAD_RETRY, export.id, problem)


def is_excused(account: Account, code: str, attempt: int) -> bool:
    """Whether an attempt failed because of the wrong value of a draft before its correction: in the first run."""
    first_run = account.ends.get(1)
    in_first_run = first_run is not None and attempt <= first_run.attempt
    return account.scenario.collection == DRAFTS and code == FailureCode.VALUE_INVALID and in_first_run


def _problems(account: Account, export: Export, transitions: Sequence[Transition]) -> Iterator[str]:
    retries = [each for each in transitions if each.event == Transition.EVENT_RETRY]
    if not account.retries_confirmed <= export.run - 1 <= account.retry_requests:
        requests = f"{account.retry_requests} retries, {account.retries_confirmed} of them confirmed"
        yield f"run {export.run} after {requests}"
    if [each.run for each in retries] != list(range(2, export.run + 1)):
        yield f"run {export.run}, and its history has retries to runs {[each.run for each in retries]}"
    if any(each.actor != Transition.ACTOR_OPERATOR or each.before != Export.STATE_CANCELLED for each in retries):
        yield "its history says that somebody else retried it, or another state than CANCELLED"
    if account.scenario.action is CallerAction.RETRY:
        yield from _corrected_problems(account, export)


def _corrected_problems(account: Account, export: Export) -> Iterator[str]:
    """Yield what is wrong with a corrected draft.

    A draft fails permanently at first. After its correction it completes, unless faults used up its attempts.
    """
    first = account.ends.get(1)
    if first is None or first.state != Export.STATE_CANCELLED or first.cancel_reason == Export.CANCEL_REASON_REQUESTED:
        yield f"its first run did not fail for good: {first}"
    exhausted = (
        export.state == Export.STATE_CANCELLED and export.cancel_reason == Export.CANCEL_REASON_RETRIES_EXHAUSTED
    )
    if export.run < 2 or not (export.state == Export.STATE_COMPLETED or exhausted):  # noqa: PLR2004 - the first is no retry
        yield f"run {export.run} ended as {name_of(Export.State, export.state)}"
