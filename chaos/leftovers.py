"""Checks what is on the disks after every process has ended: rows, their history, and unreferenced files."""

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Protocol, Self

from chaos.findings import Findings, Violation
from chaos.stale_leases import attempts
from chaos.workload import PASSWORD
from services.api.domain.history import CREATED
from services.api.domain.states import TRANSITIONS, Event, State
from services.contract.store import MARKER

_LEASABLE = {before.name for before, event in TRANSITIONS if event is Event.LEASE}
_UNSENT = "SELECT export_id FROM deliveries WHERE state = 'PENDING'"
_PASSWORDS = "SELECT id FROM exports WHERE sealed_password IS NOT NULL"
_HISTORY = "SELECT export_id, version, run, event, state FROM transitions ORDER BY export_id, id"
_COMPLETED = "SELECT id, lease_id, file_key, attachments FROM exports WHERE state = 'COMPLETED'"
_DOWNLOADABLE = f"{_COMPLETED} AND deleted_time IS NULL"
_ANNOUNCED = "SELECT export_id FROM deliveries GROUP BY export_id, run, channel HAVING count(*) > 1"


class Rows(Protocol):
    """The rows of an api's database, read at rest."""

    def execute(self, query: str) -> Iterable[tuple[Any, ...]]: ...

    def damage(self) -> str:
        """Return what the database's own check finds; empty if nothing."""
        ...


class SqliteRows:
    """The rows of a SQLite file. A context."""

    def __init__(self, database: Path) -> None:
        self._db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def execute(self, query: str) -> Iterable[tuple[Any, ...]]:
        """See Rows."""
        return self._db.execute(query)

    def damage(self) -> str:
        """See Rows."""
        (verdict,) = self._db.execute("PRAGMA integrity_check").fetchone()
        return "" if verdict == "ok" else str(verdict)


def check_rows(db: Rows, findings: Findings) -> None:
    """Check that the database is sound, that each file was written under the completing lease, and each history."""
    if damage := db.damage():
        findings.add(Violation.UNEXPECTED, "", f"the database: {damage}")
    for export_id, lease_id, key in _files_of(db, _COMPLETED):
        if not key.startswith(f"{export_id}/{lease_id}/"):
            findings.add(Violation.STALE_ACCEPTED, export_id, f"lease {lease_id} completed it, and its file is {key}")
    for (export_id,) in db.execute(_ANNOUNCED):
        findings.add(Violation.UNEXPECTED, export_id, "its end is in the outbox twice")
    for (export_id,) in db.execute(_UNSENT):
        findings.add(Violation.UNEXPECTED, export_id, "an announcement is still in the outbox")
    for (export_id,) in db.execute(_PASSWORDS):
        findings.add(Violation.BAD_ENCRYPTION, export_id, "its password was not erased")
    for export_id, entries in groupby(db.execute(_HISTORY), key=lambda entry: str(entry[0])):
        _check_history(export_id, [entry[1:] for entry in entries], findings)


def _check_history(export_id: str, entries: list[tuple[int, int, str, str]], findings: Findings) -> None:
    """Check that each entry (version, run, event, state) follows from the one before."""
    if entries[0][2] != CREATED:
        findings.add(Violation.UNEXPECTED, export_id, f"its history begins with {entries[0]}")
    for before, after in pairwise(entries):
        change = f"{before} was followed by {after}"
        if after[2] == Event.LEASE.name and before[3] not in _LEASABLE:
            findings.add(Violation.DOUBLED, export_id, f"two live leases: {change}")
        elif TRANSITIONS.get((State[before[3]], Event[after[2]])) is not State[after[3]]:
            findings.add(Violation.UNEXPECTED, export_id, f"its history: {change}")
        if after[0] <= before[0]:
            findings.add(Violation.UNEXPECTED, export_id, f"its version did not grow: {change}")
        if after[1] - before[1] != (after[2] == Event.RETRY.name):
            findings.add(Violation.BAD_RETRY, export_id, f"its run is counted wrongly: {change}")
        if (before[2], after[2]) == (Event.CANCEL.name, Event.RETRY.name):
            findings.add(Violation.BAD_RETRY, export_id, f"a requested cancel was undone: {change}")
    completed = Counter(run for _, run, event, _ in entries if event == Event.COMPLETE.name)
    if any(times > 1 for times in completed.values()):
        findings.add(Violation.DOUBLED, export_id, f"completed more than once: {entries}")


def check_completions(logs: list[Path], findings: Findings) -> None:
    """Check that no export was completed under two leases, as far as the workers' logs show."""
    completed = {(line["export_id"], line["lease_id"]) for line in attempts(logs) if line["outcome"] == "completed"}
    for export_id, times in Counter(export_id for export_id, _ in completed).items():
        if times > 1:
            findings.add(Violation.DOUBLED, export_id, f"{times} leases completed it")


def passwords_in(places: Iterable[Path]) -> list[Path]:
    """Return the files that contain the password of the encrypted exports."""
    return [place for place in places if PASSWORD.encode() in place.read_bytes()]


def orphans(keys: Iterable[str], db: Rows) -> list[str]:
    """Return the keys in the artifact store that nobody can download."""
    downloadable = {key for _, _, key in _files_of(db, _DOWNLOADABLE)}
    return [key for key in keys if key not in downloadable]


def _files_of(db: Rows, exports: str) -> Iterator[tuple[str, str, str]]:
    """Yield id, lease and key of each file of the exports, including separate attachments."""
    for export_id, lease_id, key, attachments in db.execute(exports):
        yield export_id, lease_id, key
        if attachments:
            yield export_id, lease_id, _loaded(attachments)["artifact"]["key"]


def _loaded(document: Any) -> Any:
    """Return the value of a JSON document, which PostgreSQL returns already."""
    return json.loads(document) if isinstance(document, str) else document


def keys_in(root: Path) -> Iterator[str]:
    """Yield all files except the marker, and the locks of running workers."""
    for folder, _, names in os.walk(root):
        for name in names:
            key = str(Path(folder, name).relative_to(root))
            if key != MARKER and not (key.startswith(".scratch/") and name == "lock"):
                yield key
