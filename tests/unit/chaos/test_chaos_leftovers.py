"""What chaos reads from a database and a folder that are left."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.findings import Findings, Violation
from chaos.leftovers import SqliteRows, check_completions, check_rows, keys_in, orphans, passwords_in
from services.api.storage.sql.stores import sql_store
from services.api.storage.sqlite.database import SqliteDatabase
from tests.ports.driving import leased
from tests.ports.samples import START, STATS, new_attachments, new_file

TABLES = """
CREATE TABLE exports (id, lease_id, file_key, state, attachments, deleted_time, sealed_password);
CREATE TABLE transitions (id INTEGER PRIMARY KEY, export_id, version, run, event, state);
CREATE TABLE deliveries (export_id, run, channel, state);
INSERT INTO exports VALUES ('e', 'l', 'e/l/export.csv', 'COMPLETED', NULL, NULL, NULL);
"""
REGULAR = [(1, "CREATE", "QUEUED"), (2, "LEASE", "PROCESSING"), (3, "COMPLETE", "COMPLETED")]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as db:
        db.executescript(TABLES)
    return tmp_path / "db.sqlite3"


def _found(
    database: Path, history: list[tuple[int, str, str]], change: str = "", *, later_run: int = 2
) -> list[Violation]:
    """Entries are of run 1, those from a retry on of `later_run`."""
    findings = Findings()
    retried = [event for _, event, _ in history].index("RETRY") if "RETRY" in [e[1] for e in history] else len(history)
    with closing(sqlite3.connect(database)) as db, db:
        entries = "INSERT INTO transitions (export_id, version, run, event, state) VALUES ('e', ?, ?, ?, ?)"
        runs = [1 if place < retried else later_run for place in range(len(history))]
        db.executemany(entries, [(version, run, *rest) for (version, *rest), run in zip(history, runs, strict=True)])
        db.executescript(change)
    with SqliteRows(database) as rows:
        check_rows(rows, findings)
    return [finding.violation for finding in findings.all]


def test_a_regular_history_is_fine(database: Path) -> None:
    assert _found(database, REGULAR) == []


def test_a_file_of_another_lease_than_that_which_completed_is_found(database: Path) -> None:
    assert _found(database, REGULAR, "UPDATE exports SET lease_id = 'newer'") == [Violation.STALE_ACCEPTED]


def test_two_live_leases_are_found(database: Path) -> None:
    history = [*REGULAR[:2], (3, "LEASE", "PROCESSING"), (4, "COMPLETE", "COMPLETED")]
    assert _found(database, history) == [Violation.DOUBLED]


def test_a_second_completion_is_found(database: Path) -> None:
    history = [*REGULAR, (4, "COMPLETE", "COMPLETED")]
    assert Violation.DOUBLED in _found(database, history)


def test_a_step_that_no_rule_allows_is_found(database: Path) -> None:
    history = [*REGULAR, (4, "CANCEL", "CANCELLED")]
    assert _found(database, history) == [Violation.UNEXPECTED]


RETRIED = [*REGULAR[:2], (3, "GIVE_UP", "CANCELLED"), (4, "RETRY", "QUEUED"), (5, "LEASE", "PROCESSING")]


def test_a_retry_that_begins_a_new_run_is_fine(database: Path) -> None:
    assert _found(database, [*RETRIED, (6, "COMPLETE", "COMPLETED")]) == []


def test_a_retry_that_begins_no_run_of_its_own_is_found(database: Path) -> None:
    assert _found(database, RETRIED, later_run=1) == [Violation.BAD_RETRY]


def test_a_retry_of_what_its_caller_cancelled_is_found(database: Path) -> None:
    history = [*REGULAR[:2], (3, "CANCEL", "CANCELLED"), (4, "RETRY", "QUEUED")]
    assert _found(database, history) == [Violation.BAD_RETRY]


def test_a_version_that_does_not_grow_is_found(database: Path) -> None:
    history = [REGULAR[0], (1, "LEASE", "PROCESSING"), REGULAR[2]]
    assert _found(database, history) == [Violation.UNEXPECTED]


def test_an_end_that_is_in_the_outbox_twice_is_found(database: Path) -> None:
    twice = "INSERT INTO deliveries VALUES ('e', 1, 'CALLBACK', 'SENT'), ('e', 1, 'CALLBACK', 'SENT')"
    assert _found(database, REGULAR, twice) == [Violation.UNEXPECTED]


def test_an_end_that_is_still_in_the_outbox_is_found(database: Path) -> None:
    pending = "INSERT INTO deliveries VALUES ('e', 1, 'EMAIL', 'PENDING')"
    assert _found(database, REGULAR, pending) == [Violation.UNEXPECTED]


def test_a_password_that_was_not_erased_is_found(database: Path) -> None:
    assert _found(database, REGULAR, "UPDATE exports SET sealed_password = x'00'") == [Violation.BAD_ENCRYPTION]


def test_files_in_which_a_password_stands_are_found(tmp_path: Path) -> None:
    (tmp_path / "api.log").write_text('{"event": "call"}\n')
    (tmp_path / "worker.log").write_text('{"event": "call", "password": "correct horse"}\n')
    assert passwords_in(sorted(tmp_path.iterdir())) == [tmp_path / "worker.log"]


def test_files_that_no_export_points_at_are_orphans(database: Path, tmp_path: Path) -> None:
    root = tmp_path / "artifacts"
    for key in ("e/l/export.csv", "e/older/export.csv", ".spool/e.l.export.csv", ".scratch/w/lock", ".exportd-store"):
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).touch()
    with SqliteRows(database) as rows:
        assert sorted(orphans(keys_in(root), rows)) == [".spool/e.l.export.csv", "e/older/export.csv"]


async def _separate_export(database: Path, *, of_lease: str = "") -> list[str]:
    """A COMPLETED export whose attachments are a file of their own, as the store itself writes it; the keys of both."""
    async with await SqliteDatabase.open(database) as opened:
        store = sql_store(opened)
        driven = await leased(store)
        prefix = f"{driven.export.id}/{driven.lease.lease_id}/"
        beside = f"{driven.export.id}/{of_lease or driven.lease.lease_id}/"
        file = new_file(driven.export.id)
        attachments = new_attachments(file)
        table = replace(file, artifact=replace(file.artifact, key=f"{prefix}export.csv"))
        apart = replace(attachments, artifact=replace(attachments.artifact, key=f"{beside}attachments.zip"))
        await store.leases.complete(driven.lease, table, STATS, START, attachments=apart)
        return [table.artifact.key, apart.artifact.key]


async def test_both_files_of_a_separate_export_are_pointed_at(tmp_path: Path) -> None:
    root, database = tmp_path / "artifacts", tmp_path / "exportd.sqlite3"
    for key in [*await _separate_export(database), "e/older/attachments.zip"]:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).touch()
    findings = Findings()
    with SqliteRows(database) as rows:
        check_rows(rows, findings)
    assert findings.all == []
    with SqliteRows(database) as rows:
        assert orphans(keys_in(root), rows) == ["e/older/attachments.zip"]


async def test_attachments_of_another_lease_than_that_which_completed_are_found(tmp_path: Path) -> None:
    await _separate_export(tmp_path / "exportd.sqlite3", of_lease="older")
    findings = Findings()
    with SqliteRows(tmp_path / "exportd.sqlite3") as rows:
        check_rows(rows, findings)
    assert [finding.violation for finding in findings.all] == [Violation.STALE_ACCEPTED]


def test_a_completion_under_two_leases_is_found_in_the_logs_of_workers(tmp_path: Path) -> None:
    ends = [{"event": "attempt", "export_id": "e", "lease_id": lease, "outcome": "completed"} for lease in "ab"]
    (tmp_path / "worker.log").write_text("".join(json.dumps(end) + "\n" for end in ends))
    findings = Findings()
    check_completions([tmp_path / "worker.log"], findings)
    assert [finding.violation for finding in findings.all] == [Violation.DOUBLED]
