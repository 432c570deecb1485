"""Checks notifications: each receiver is told each end of an export truthfully, at least once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from chaos.findings import Findings, Violation
from chaos.ledger import Account, Announcement, Channel
from exportd_client import Delivery, Export, name_of

MISSING = {Channel.CALLBACK: Violation.CALLBACK_MISSING, Channel.EMAIL: Violation.MAIL_MISSING}
CONTRADICTING = {Channel.CALLBACK: Violation.CALLBACK_CONTRADICTING, Channel.EMAIL: Violation.MAIL_CONTRADICTING}

_MAX_ERRORS_IN_MAIL = 20


def check_announcements(
    account: Account, announcements: Sequence[Announcement], deliveries: Sequence[Delivery] | None, findings: Findings
) -> None:
    """Check that the last end was announced on each requested channel and on no other, and that announcements are true.

    `deliveries` are those that the service lists; None for a deleted export, whose only run has ended.
    """
    runs = _runs(deliveries) if deliveries is not None else {each.id: 1 for each in announcements}
    for channel in Channel:
        received = [each for each in announcements if each.channel is channel]
        for problem in _contradictions(account, received, runs, channel):
            findings.add(CONTRADICTING[channel], account.id, problem)
        last_run = account.last.run if account.last else 1
        if _target(account, channel) and not any(runs.get(each.id) == last_run for each in received):
            findings.add(MISSING[channel], account.id, f"the end of run {last_run} was not announced")
    if deliveries is not None:
        _check_deliveries(account, deliveries, findings)


def is_announced(account: Account, announcements: Iterable[Announcement]) -> bool:
    """Whether each requested channel was told an end. `check_announcements` checks which end it was."""
    told = [each.channel for each in announcements]
    return all(channel in told for channel in Channel if _target(account, channel))


def _runs(deliveries: Iterable[Delivery]) -> dict[str, int]:
    return {delivery.id: delivery.run for delivery in deliveries}


def _target(account: Account, channel: Channel) -> str:
    return account.callback_url if channel is Channel.CALLBACK else account.notify_email


def _contradictions(
    account: Account, received: Sequence[Announcement], runs: Mapping[str, int], channel: Channel
) -> Iterator[str]:
    if len({each.id for each in received}) > len({runs.get(each.id) for each in received}):
        yield f"one end was announced as different ones: {sorted({each.id for each in received})}"
    for announcement in received:
        wrong = _contradiction(account, announcement, runs.get(announcement.id), channel)
        if wrong:
            yield f"{wrong}: {announcement}"


def _contradiction(account: Account, announcement: Announcement, run: int | None, channel: Channel) -> str:
    """Return what is false in an announcement; empty if nothing is."""
    if not _target(account, channel):
        return "nobody asked for it"
    if run is None:
        return "the service knows of no such delivery"
    end = account.ends.get(run)
    if end is None:
        return "" if _is_old_run(account, run) else "it came before the end"
    told = (announcement.recipient, announcement.export_id, announcement.type, announcement.success)
    expected = (_target(account, channel), account.id, account.scenario.collection, end.state == Export.STATE_COMPLETED)
    if told != expected:
        return f"{told} instead of {expected}"
    return _difference(announcement, end, _errors(account, run, channel))


def _is_old_run(account: Account, run: int) -> bool:
    """Whether this run ended without being watched, because an operator's retry was carried out twice."""
    return account.last is not None and run < account.last.run


def _difference(announcement: Announcement, end: Export, errors: tuple[str, ...]) -> str:
    file = (end.file.filename, end.file.size_bytes) if end.HasField("file") else (None, None)
    pairs: dict[str, tuple[object, object]] = {
        "status": (announcement.status, name_of(Export.State, end.state)),
        "file": ((announcement.file_name, announcement.file_size_bytes), file),
        "errors": (announcement.errors, errors),
    }
    if announcement.duration_ms is not None:
        pairs["duration"] = (announcement.duration_ms, end.result.duration_ms)
    return "; ".join(f"{name} {told} instead of {so}" for name, (told, so) in pairs.items() if told != so)


def _errors(account: Account, run: int, channel: Channel) -> tuple[str, ...]:
    """Return the messages of the failed attempts of a run that failed permanently; none of a completed run."""
    end = account.ends[run]
    if end.state == Export.STATE_COMPLETED:
        return ()
    before = account.ends[run - 1].attempt if run - 1 in account.ends else 0
    messages = tuple(error.message for error in end.result.errors if error.attempt > before)
    if channel is Channel.CALLBACK:
        return messages
    return tuple(" ".join(message.split()) for message in messages[-_MAX_ERRORS_IN_MAIL:])


def _check_deliveries(account: Account, deliveries: Sequence[Delivery], findings: Findings) -> None:
    """Check that each requested channel has one delivery for each end, and that none is still to be sent."""
    last_run = account.last.run if account.last else 1
    for channel in Channel:
        runs = [d.run for d in deliveries if name_of(Delivery.Channel, d.channel) == channel.value]
        expected = list(range(1, last_run + 1)) if _target(account, channel) else []
        if runs != expected:
            findings.add(CONTRADICTING[channel], account.id, f"deliveries of runs {runs} instead of {expected}")
    for delivery in deliveries:
        superseded = delivery.state == Delivery.STATE_GIVEN_UP and delivery.run < last_run
        if delivery.state != Delivery.STATE_SENT and not superseded:
            channel = Channel(name_of(Delivery.Channel, delivery.channel))
            state = name_of(Delivery.State, delivery.state)
            findings.add(MISSING[channel], account.id, f"the delivery of run {delivery.run} is {state}")
