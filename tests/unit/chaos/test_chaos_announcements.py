"""What chaos takes for a wrong announcement."""

from dataclasses import replace
from typing import Any

import pytest

from chaos.announcement_checks import check_announcements, is_announced
from chaos.draw import round_of
from chaos.findings import Findings, Violation
from chaos.ledger import Account, Announcement, Channel
from exportd_client import Delivery, Export, File, name_of

MAIL = "4-0-1@chaos.test"
CALLBACK = "http://127.0.0.1/4-0-1"
COMPLETED = Export(id="e", state=Export.STATE_COMPLETED, done=True, version=3, run=1, attempt=1)
COMPLETED.file.CopyFrom(File(id="f", filename="f.csv", size_bytes=7))
COMPLETED.result.duration_ms = 12
CANCELLED = Export(id="e", state=Export.STATE_CANCELLED, done=True, version=3, run=1)
EXHAUSTED = Export(
    id="e", state=Export.STATE_CANCELLED, cancel_reason=Export.CANCEL_REASON_NOT_RETRYABLE, done=True, run=1, attempt=2
)
EXHAUSTED.result.errors.add(attempt=1, code="LEASE_EXPIRED", message="the worker stopped")
EXHAUSTED.result.errors.add(attempt=2, code="VALUE_INVALID", message="no\nnumber")


def _account(*ends: Export, callback_url: str = "", notify_email: str = MAIL) -> Account:
    account = Account("4-0-1", round_of(1, 0).scenarios[0], Findings(), callback_url, notify_email)
    account.record_create(ends[-1])
    account.retry_requests = len(ends) - 1
    for end in ends:
        account.observe(end)
    return account


def _mail(end: Export, *errors: str, id_: str = "msg_1") -> Announcement:
    file = end.HasField("file")
    return Announcement(
        channel=Channel.EMAIL,
        id=id_,
        recipient=MAIL,
        export_id="e",
        type=round_of(1, 0).scenarios[0].collection,
        status=name_of(Export.State, end.state),
        success=end.state == Export.STATE_COMPLETED,
        errors=errors,
        file_name="f.csv" if file else None,
        file_size_bytes=7 if file else None,
        duration_ms=None,
    )


def _call(end: Export, *errors: str, id_: str = "msg_1") -> Announcement:
    call = _mail(end, *errors, id_=id_)
    return replace(call, channel=Channel.CALLBACK, recipient=CALLBACK, duration_ms=end.result.duration_ms)


def _delivery(
    run: int = 1, id_: str = "msg_1", channel: Delivery.Channel.ValueType = Delivery.CHANNEL_EMAIL, **more: Any
) -> Delivery:
    return Delivery(id=id_, run=run, channel=channel, **({"state": Delivery.STATE_SENT} | more))


def _found(account: Account, *announcements: Announcement, deliveries: list[Delivery] | None = None) -> set[Violation]:
    check_announcements(account, announcements, deliveries, account.findings)
    return {finding.violation for finding in account.findings.all}


def test_one_mail_is_fine_and_so_is_its_repetition() -> None:
    assert _found(_account(COMPLETED), _mail(COMPLETED), deliveries=[_delivery()]) == set()
    assert _found(_account(COMPLETED), _mail(COMPLETED), _mail(COMPLETED), deliveries=[_delivery()]) == set()


def test_a_callback_is_fine_too_with_its_duration() -> None:
    account = _account(COMPLETED, callback_url=CALLBACK, notify_email="")
    deliveries = [_delivery(channel=Delivery.CHANNEL_CALLBACK)]
    assert _found(account, _call(COMPLETED), deliveries=deliveries) == set()
    late = replace(_call(COMPLETED), duration_ms=13)
    assert _found(account, late, deliveries=deliveries) == {Violation.CALLBACK_CONTRADICTING}


def test_the_mail_of_a_deleted_export_is_looked_at_too() -> None:
    assert _found(_account(COMPLETED), _mail(COMPLETED)) == set()
    assert _found(_account(COMPLETED), _mail(CANCELLED)) == {Violation.MAIL_CONTRADICTING}
    assert _found(_account(COMPLETED)) >= {Violation.MAIL_MISSING}


def test_none_is_found() -> None:
    assert _found(_account(COMPLETED), deliveries=[_delivery()]) == {Violation.MAIL_MISSING}
    account = _account(COMPLETED, callback_url=CALLBACK, notify_email="")
    deliveries = [_delivery(channel=Delivery.CHANNEL_CALLBACK)]
    assert _found(account, deliveries=deliveries) == {Violation.CALLBACK_MISSING}


def test_two_different_ones_are_found() -> None:
    two = (_mail(COMPLETED), _mail(COMPLETED, id_="msg_2"))
    assert _found(_account(COMPLETED), *two, deliveries=[_delivery()]) == {Violation.MAIL_CONTRADICTING}
    assert _found(_account(COMPLETED), *two) == {Violation.MAIL_CONTRADICTING}


@pytest.mark.parametrize(
    "lie",
    [
        {"status": "CANCELLED"},
        {"success": False},
        {"file_size_bytes": 8},
        {"file_name": "g.csv"},
        {"export_id": "x"},
        {"type": "Others"},
        {"recipient": "4-0-2@chaos.test"},
        {"errors": ("none",)},
    ],
)
def test_one_that_is_not_so_is_found(lie: dict[str, Any]) -> None:
    mail = replace(_mail(COMPLETED), **lie)
    assert _found(_account(COMPLETED), mail, deliveries=[_delivery()]) == {Violation.MAIL_CONTRADICTING}


def test_a_completion_of_what_was_cancelled_is_found() -> None:
    assert _found(_account(CANCELLED), _mail(COMPLETED), deliveries=[_delivery()]) == {Violation.MAIL_CONTRADICTING}


def test_one_that_nobody_asked_for_is_found() -> None:
    account = _account(COMPLETED, notify_email="")
    assert _found(account, _mail(COMPLETED), deliveries=[]) == {Violation.MAIL_CONTRADICTING}


def test_the_errors_of_a_failure_are_announced() -> None:
    deliveries = [_delivery()]
    both = _mail(EXHAUSTED, "the worker stopped", "no number")
    assert _found(_account(EXHAUSTED), both, deliveries=deliveries) == set()
    one = _mail(EXHAUSTED, "the worker stopped")
    assert _found(_account(EXHAUSTED), one, deliveries=deliveries) == {Violation.MAIL_CONTRADICTING}


# ---- after an operator's retry

AGAIN = Export()
AGAIN.CopyFrom(COMPLETED)
AGAIN.run, AGAIN.attempt, AGAIN.version = 2, 3, 9
FAILED = ("the worker stopped", "no number")
BOTH = [_delivery(), _delivery(run=2, id_="msg_2")]


def test_each_run_is_announced_as_it_ended() -> None:
    mails = (_mail(EXHAUSTED, *FAILED), _mail(AGAIN, id_="msg_2"))
    assert _found(_account(EXHAUSTED, AGAIN), *mails, deliveries=BOTH) == set()


def test_the_end_of_a_run_as_that_of_another_is_found() -> None:
    mails = (_mail(AGAIN), _mail(AGAIN, id_="msg_2"))
    assert _found(_account(EXHAUSTED, AGAIN), *mails, deliveries=BOTH) == {Violation.MAIL_CONTRADICTING}


def test_a_second_run_that_nobody_heard_of_is_found() -> None:
    account = _account(EXHAUSTED, AGAIN)
    assert _found(account, _mail(EXHAUSTED, *FAILED), deliveries=BOTH) == {Violation.MAIL_MISSING}


def test_the_first_run_may_be_superseded_before_it_was_told() -> None:
    deliveries = [_delivery(state=Delivery.STATE_GIVEN_UP), _delivery(run=2, id_="msg_2")]
    assert _found(_account(EXHAUSTED, AGAIN), _mail(AGAIN, id_="msg_2"), deliveries=deliveries) == set()


def test_a_run_without_a_delivery_is_found() -> None:
    deliveries = [_delivery(run=2, id_="msg_2")]
    found = _found(_account(EXHAUSTED, AGAIN), _mail(AGAIN, id_="msg_2"), deliveries=deliveries)
    assert found == {Violation.MAIL_CONTRADICTING}


@pytest.mark.parametrize("state", [Delivery.STATE_PENDING, Delivery.STATE_GIVEN_UP])
def test_a_delivery_that_did_not_end_well_is_found(state: Delivery.State.ValueType) -> None:
    found = _found(_account(COMPLETED), _mail(COMPLETED), deliveries=[_delivery(state=state)])
    assert found == {Violation.MAIL_MISSING}


def test_whether_all_is_announced_is_known_by_channel() -> None:
    account = _account(COMPLETED, callback_url=CALLBACK)
    assert not is_announced(account, [_mail(COMPLETED)])
    assert is_announced(account, [_mail(COMPLETED), _call(COMPLETED)])
