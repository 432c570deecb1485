"""What holds after every step, whatever happened, said of a snapshot: one function a sentence."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from services.api.domain.events import has_events
from services.api.domain.history import CREATED
from services.api.domain.notifications import Channel, channels
from services.api.domain.states import LEASABLE, TERMINAL, TRANSITIONS, Event, State
from services.contract.job import LeaseRef
from services.contract.store import artifact_prefix
from tests.ports.moves import POLICY
from tests.ports.snapshots import Snapshot


def check(before: Snapshot, after: Snapshot) -> None:
    """Raises AssertionError with the export and the sentence that does not hold."""
    for each in EVERY:
        for holds, export_id in each(before, after):
            assert holds, (each.__doc__, export_id)


Findings = Iterator[tuple[bool, str]]


def nothing_acknowledged_is_lost(before: Snapshot, after: Snapshot) -> Findings:
    """Every export that was there is there."""
    for export_id in before.exports:
        yield export_id in after.exports, export_id


def one_live_lease(_: Snapshot, after: Snapshot) -> Findings:
    """No lease is on two exports."""
    leases = Counter(stored.lease_id for stored in after.exports.values() if stored.lease_id)
    for lease_id, count in leases.items():
        yield count == 1, lease_id


def leases_are_counted(before: Snapshot, after: Snapshot) -> Findings:
    """lease_count only grows, and is the number of times that the history says LEASE."""
    for export_id, stored in after.exports.items():
        leases = [entry for entry in after.history[export_id] if entry.event == Event.LEASE.name]
        had = before.exports[export_id].lease_count if export_id in before.exports else 0
        yield stored.lease_count >= had and stored.lease_count == len(leases), export_id


def attempts_in_budget(_: Snapshot, after: Snapshot) -> Findings:
    """0 <= attempt <= max_attempts."""
    for export_id, stored in after.exports.items():
        yield 0 <= stored.export.attempt <= stored.export.max_attempts, export_id


def given_back_within_bounds(_: Snapshot, after: Snapshot) -> Findings:
    """A run is given back as often as its export counts, and less often than is allowed."""
    for export_id, stored in after.exports.items():
        given_back = Counter(entry.run for entry in after.history[export_id] if entry.event == Event.GIVE_BACK.name)
        yield stored.given_back_count == given_back[stored.export.run], export_id
        yield all(count < POLICY.given_back_limit for count in given_back.values()), export_id


def histories_are_chains(_: Snapshot, after: Snapshot) -> Findings:
    """The history begins with CREATE, follows the table of states, ascends, and ends where the export stands."""
    for export_id, stored in after.exports.items():
        first, *rest = after.history[export_id]
        yield (first.event, first.after, first.version) == (CREATED, State.QUEUED, 1), export_id
        for earlier, later in zip([first, *rest], rest, strict=False):
            yield TRANSITIONS.get((earlier.after, Event[later.event])) is later.after, export_id
            yield later.version > earlier.version and later.time >= earlier.time, export_id
            yield later.run - earlier.run == (later.event == Event.RETRY.name), export_id
        yield [first, *rest][-1].after is stored.export.state, export_id


def terminal_states_stay(before: Snapshot, after: Snapshot) -> Findings:
    """What is done stays as it is, unless an operator begins a new run."""
    for export_id, stored in before.exports.items():
        was, now = stored.export, after.exports[export_id].export
        same = (now.state, now.file, now.cancel_reason) == (was.state, was.file, was.cancel_reason)
        yield was.state not in TERMINAL or same or now.run > was.run, export_id


def versions_only_grow(before: Snapshot, after: Snapshot) -> Findings:
    """A version never goes back."""
    for export_id, stored in before.exports.items():
        yield after.exports[export_id].export.version >= stored.export.version, export_id


def files_are_published_by_their_lease(_: Snapshot, after: Snapshot) -> Findings:
    """COMPLETED has a file, below the prefix of the lease that completed it, with every row; nothing else has one."""
    for export_id, stored in after.exports.items():
        export = stored.export
        yield (export.state is State.COMPLETED) == (export.file is not None), export_id
        if export.file and export.stats:
            prefix = artifact_prefix(LeaseRef(export_id, stored.lease_id or ""))
            yield export.file.artifact.key.startswith(prefix), export_id
            yield export.stats.rows_matched == export.stats.rows_written, export_id


def ends_are_announced_once(_: Snapshot, after: Snapshot) -> Findings:
    """Each run that ended has one delivery for each channel that was asked for, and no other run has one."""
    told = (stored.delivery for stored in after.deliveries if not stored.delivery.event)
    announced = Counter((delivery.export_id, delivery.run, delivery.channel) for delivery in told)
    wanted = Counter(
        (export_id, entry.run, channel)
        for export_id, stored in after.exports.items()
        for entry in after.history[export_id]
        for channel in channels(stored.export)
        if entry.after in TERMINAL and not (channel is Channel.CALLBACK and has_events(stored.export))
    )
    for export_id, run, channel in announced.keys() | wanted.keys():
        yield announced[export_id, run, channel] == wanted[export_id, run, channel], export_id


def announcements_are_true(_: Snapshot, after: Snapshot) -> Findings:
    """What is announced of a run is the state in which the run ended."""
    for stored in after.deliveries:
        if stored.delivery.event:
            continue
        export_id = stored.delivery.export_id
        ended = {entry.run: entry.after.value for entry in after.history[export_id] if entry.after in TERMINAL}
        yield stored.delivery.notice["status"] == ended.get(stored.delivery.run), export_id


def events_tell_the_history(_: Snapshot, after: Snapshot) -> Findings:
    """The events of an export are its history in the words of Syntage, in this order and each with an id of its own."""
    words = {"QUEUED": "pending", "PROCESSING": "running", "COMPLETED": "finished", "FAILED": "pending"}
    for export_id, stored in after.exports.items():
        told = [d.delivery for d in after.deliveries if d.delivery.export_id == export_id and d.delivery.event]
        told.sort(key=lambda delivery: delivery.number)
        shown = [d.notice["data"]["object"]["status"] for d in told if d.event != "file.created"]
        history = [words.get(entry.after.name, "failed") for entry in after.history[export_id]]
        yield shown == (history if has_events(stored.export) else []), export_id
        ids = {delivery.notice["id"].replace("-", "") for delivery in told}
        yield ids == {delivery.id.removeprefix("msg_") for delivery in told}, export_id


def nothing_is_stranded(_: Snapshot, after: Snapshot) -> Findings:
    """What is not done is leasable, scheduled, or leased until a deadline."""
    for export_id, stored in after.exports.items():
        export = stored.export
        if export.state in LEASABLE:
            yield export.attempt < export.max_attempts, export_id
        if export.state is State.FAILED:
            yield export.next_attempt_time is not None, export_id
        if export.state is State.PROCESSING:
            yield None not in (stored.lease_id, stored.lease_expire_time), export_id


def the_line_has_all_that_waits(_: Snapshot, after: Snapshot) -> Findings:
    """Each tenant with exports that wait is found in the line, in its turn."""
    for fault in after.strayed:
        yield False, fault


def passwords_are_erased(_: Snapshot, after: Snapshot) -> Findings:
    """A sealed password is there exactly until the export is done."""
    for export_id, stored in after.exports.items():
        needed = stored.export.encrypted and stored.export.state not in TERMINAL
        yield needed == (stored.sealed_password is not None), export_id


EVERY: Sequence[Any] = (
    nothing_acknowledged_is_lost,
    one_live_lease,
    leases_are_counted,
    attempts_in_budget,
    given_back_within_bounds,
    histories_are_chains,
    terminal_states_stay,
    versions_only_grow,
    files_are_published_by_their_lease,
    ends_are_announced_once,
    announcements_are_true,
    events_tell_the_history,
    nothing_is_stranded,
    the_line_has_all_that_waits,
    passwords_are_erased,
)
