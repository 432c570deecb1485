"""The rules that every record obeys: those of the SQL store's tables, with the same names.

Rules that the types already guarantee are left out.
"""

from collections.abc import Callable, Mapping

from services.api.domain.states import LEASABLE, TERMINAL, Event, sources, target
from services.api.storage.memory.records import Record

_LEASED = sources(Event.RELEASE)
_WAITS = {target(Event.FAIL), target(Event.EXPIRE)}
_COMPLETED, _CANCELLED = target(Event.COMPLETE), target(Event.CANCEL)
_MAY_HOLD_LEASE = _LEASED | sources(Event.RENEW) | {_COMPLETED}


class RuleBroken(Exception):
    """A defect of the code that wrote the record: it violates a rule."""


def _all_rows(record: Record) -> bool:
    stats = record.export.stats
    return stats is not None and stats.rows_matched == stats.rows_written


def _told_where_asked(record: Record) -> bool:
    export = record.export
    return bool(export.callback_url or not export.callback_sent) and bool(export.notify_email or not export.email_sent)


RULES: Mapping[str, Callable[[Record], bool]] = {
    "cancelled_for_a_reason": lambda r: (r.export.state is _CANCELLED) == (r.export.cancel_reason is not None),
    "done_has_ended": lambda r: (r.export.state in TERMINAL) == (r.export.end_time is not None),
    "only_done_deleted": lambda r: r.deleted_time is None or r.export.state in TERMINAL,
    "attempts_in_budget": lambda r: 0 <= r.export.attempt <= r.export.max_attempts and r.export.max_attempts >= 1,
    "attempt_left": lambda r: r.export.state not in LEASABLE or r.export.attempt < r.export.max_attempts,
    "attempts_were_leased": lambda r: r.export.attempt <= r.lease_count and 0 <= r.unconfirmed_count <= r.lease_count,
    "given_back_were_leased": lambda r: 0 <= r.given_back_count <= r.lease_count,
    "given_back_waits": lambda r: not r.export.given_back_by or r.export.state is target(Event.GIVE_BACK),
    "counts_from_one": lambda r: r.export.version >= 1 and r.export.run >= 1,
    "failed_is_scheduled": lambda r: (r.export.state in _WAITS) == (r.export.next_attempt_time is not None),
    "leased_by_one": lambda r: (
        r.export.state not in _LEASED
        or (r.lease is not None and r.export.start_time is not None and r.export.attempt >= 1)
    ),
    "lease_in_its_states": lambda r: r.lease is None or r.export.state in _MAY_HOLD_LEASE,
    "file_when_completed": lambda r: (r.export.state is _COMPLETED) == (r.export.file is not None),
    "file_is_whole": lambda r: r.export.file is None or (r.lease is not None and r.export.stats is not None),
    "password_until_done": lambda r: (
        (r.sealed_password is not None) == (r.export.encrypted and r.export.state not in TERMINAL)
    ),
    "priority_known": lambda r: 0 <= r.export.priority <= 9,  # noqa: PLR2004 - as the interface says
    "told_where_asked": _told_where_asked,
    "sealed_as_asked": lambda r: r.export.file is None or r.export.file.artifact.encrypted == r.export.encrypted,
    "attachments_beside_file": lambda r: r.export.attachments_file is None or r.export.file is not None,
    "no_row_missing": lambda r: r.export.state is not _COMPLETED or _all_rows(r),
}


def check(record: Record) -> None:
    """Raise RuleBroken if the record violates a rule."""
    broken = [f"exports_{name}" for name, holds in RULES.items() if not holds(record)]
    if broken:
        raise RuleBroken(", ".join(broken))
