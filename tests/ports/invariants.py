"""What holds after every step, whatever happened, said of the bare rows: one function a sentence."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from services.api.domain.history import CREATED
from services.api.domain.states import LEASABLE, TERMINAL, TRANSITIONS, Event, State
from services.api.storage.sql.tables import deliveries, exports, transitions
from services.contract.job import LeaseRef
from services.contract.store import artifact_prefix

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """All rows at one moment; the history of an export is in the order of its entries."""

    exports: dict[str, Row]
    history: dict[str, list[Row]]
    deliveries: list[Row]


def snapshot(db: sa.Connection) -> Snapshot:
    history: dict[str, list[Row]] = {}
    for row in db.execute(sa.select(transitions).order_by(transitions.c.id)).mappings():
        history.setdefault(row["export_id"], []).append(row)
    return Snapshot(
        {row["id"]: row for row in db.execute(sa.select(exports)).mappings()},
        history,
        [*db.execute(sa.select(deliveries)).mappings()],
    )


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
    leases = Counter(row["lease_id"] for row in after.exports.values() if row["lease_id"])
    for lease_id, count in leases.items():
        yield count == 1, lease_id


def leases_are_counted(before: Snapshot, after: Snapshot) -> Findings:
    """lease_count only grows, and is the number of times that the history says LEASE."""
    for export_id, row in after.exports.items():
        leases = [entry for entry in after.history[export_id] if entry["event"] == Event.LEASE.name]
        grown = row["lease_count"] >= before.exports.get(export_id, {"lease_count": 0})["lease_count"]
        yield grown and row["lease_count"] == len(leases), export_id


def attempts_in_budget(_: Snapshot, after: Snapshot) -> Findings:
    """0 <= attempt <= max_attempts."""
    for export_id, row in after.exports.items():
        yield 0 <= row["attempt"] <= row["max_attempts"], export_id


def histories_are_chains(_: Snapshot, after: Snapshot) -> Findings:
    """The history begins with CREATE, follows the table of states, ascends, and ends where the export stands."""
    for export_id, row in after.exports.items():
        first, *rest = after.history[export_id]
        yield (first["event"], first["state"], first["version"]) == (CREATED, State.QUEUED, 1), export_id
        for earlier, later in zip([first, *rest], rest, strict=False):
            yield TRANSITIONS.get((earlier["state"], Event[later["event"]])) is later["state"], export_id
            yield later["version"] > earlier["version"] and later["time"] >= earlier["time"], export_id
            yield later["run"] - earlier["run"] == (later["event"] == Event.RETRY.name), export_id
        yield [first, *rest][-1]["state"] is row["state"], export_id


def terminal_states_stay(before: Snapshot, after: Snapshot) -> Findings:
    """What is done stays as it is, unless an operator begins a new run."""
    for export_id, row in before.exports.items():
        now = after.exports[export_id]
        same = (now["state"], now["file_id"], now["cancel_reason"]) == (
            row["state"],
            row["file_id"],
            row["cancel_reason"],
        )
        yield row["state"] not in TERMINAL or same or now["run"] > row["run"], export_id


def versions_only_grow(before: Snapshot, after: Snapshot) -> Findings:
    """A version never goes back."""
    for export_id, row in before.exports.items():
        yield after.exports[export_id]["version"] >= row["version"], export_id


def files_are_published_by_their_lease(_: Snapshot, after: Snapshot) -> Findings:
    """COMPLETED has a file, below the prefix of the lease that completed it, with every row; nothing else has one."""
    for export_id, row in after.exports.items():
        completed = row["state"] is State.COMPLETED
        yield completed == (row["file_id"] is not None), export_id
        if completed:
            yield row["file_key"].startswith(artifact_prefix(LeaseRef(export_id, row["lease_id"]))), export_id
            yield row["rows_matched"] == row["rows_written"], export_id


def ends_are_announced_once(_: Snapshot, after: Snapshot) -> Findings:
    """Each run that ended has one delivery for each channel that was asked for, and no other run has one."""
    announced = Counter((row["export_id"], row["run"], row["channel"].name) for row in after.deliveries)
    wanted = [key for export_id in after.exports for key in _ends(after, export_id)]
    yield announced == Counter(wanted), str(announced - Counter(wanted) or Counter(wanted) - announced)


def _ends(after: Snapshot, export_id: str) -> Iterator[tuple[str, int, str]]:
    row = after.exports[export_id]
    channels = {"CALLBACK": row["callback_url"], "EMAIL": row["notify_email"]}
    for entry in after.history[export_id]:
        if entry["state"] in TERMINAL:
            yield from ((export_id, entry["run"], channel) for channel, target in channels.items() if target)


def announcements_are_true(_: Snapshot, after: Snapshot) -> Findings:
    """What is announced of a run is the state in which the run ended."""
    for row in after.deliveries:
        ended = [entry for entry in after.history[row["export_id"]] if entry["state"] in TERMINAL]
        states = {entry["run"]: entry["state"].value for entry in ended}
        yield row["notice"]["status"] == states.get(row["run"]), row["export_id"]


def nothing_is_stranded(_: Snapshot, after: Snapshot) -> Findings:
    """What is not done is leasable, scheduled, or leased until a deadline."""
    for export_id, row in after.exports.items():
        if row["state"] in LEASABLE:
            yield row["attempt"] < row["max_attempts"], export_id
        if row["state"] is State.FAILED:
            yield row["next_attempt_time"] is not None, export_id
        if row["state"] is State.PROCESSING:
            yield None not in (row["lease_id"], row["lease_expire_time"]), export_id


def passwords_are_erased(_: Snapshot, after: Snapshot) -> Findings:
    """A sealed password is there exactly until the export is done."""
    for export_id, row in after.exports.items():
        needed = row["encrypted"] and row["state"] not in TERMINAL
        yield needed == (row["sealed_password"] is not None), export_id


EVERY: Sequence[Any] = (
    nothing_acknowledged_is_lost,
    one_live_lease,
    leases_are_counted,
    attempts_in_budget,
    histories_are_chains,
    terminal_states_stay,
    versions_only_grow,
    files_are_published_by_their_lease,
    ends_are_announced_once,
    announcements_are_true,
    nothing_is_stranded,
    passwords_are_erased,
)
