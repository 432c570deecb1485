"""What is left on the disks when every process has ended: rows, and files that no row points at."""

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from chaos.ledger import Findings, Wrong
from chaos.replays import attempts


def check_rows(database: Path, findings: Findings) -> None:
    """The database is sound, and each file was made under the lease that completed its export."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        (verdict,) = db.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            findings.add(Wrong.UNEXPECTED, "", f"the database: {verdict}")
        completed = "SELECT id, lease_id, file_key FROM exports WHERE state = 'COMPLETED' AND file_key IS NOT NULL"
        for export_id, lease_id, key in db.execute(completed):
            if not key.startswith(f"{export_id}/{lease_id}/"):
                findings.add(Wrong.STALE_ACCEPTED, export_id, f"lease {lease_id} completed it, and its file is {key}")
    db.close()


def check_completions(logs: list[Path], findings: Findings) -> None:
    """No export was completed under two leases, as far as workers lived to write it down."""
    completed = {(line["export_id"], line["lease_id"]) for line in attempts(logs) if line["outcome"] == "completed"}
    for export_id, times in Counter(export_id for export_id, _ in completed).items():
        if times > 1:
            findings.add(Wrong.DOUBLED, export_id, f"{times} leases completed it")


def check_files(root: Path, database: Path, findings: Findings) -> None:
    """Nothing lies in the artifact store but files that can be downloaded."""
    wanted = set(_keys(database))
    for key in _files(root):
        if key not in wanted:
            findings.add(Wrong.ORPHAN_FILE, key.partition("/")[0], f"no export points at {key}")


def _keys(database: Path) -> Iterator[str]:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        rows = db.execute(
            "SELECT file_key, attachments FROM exports WHERE state = 'COMPLETED' AND deleted_time IS NULL"
        )
        for key, attachments in rows:
            yield key
            if attachments:
                yield json.loads(attachments)["key"]
    db.close()


def _files(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        for name in names:
            key = str(Path(folder, name).relative_to(root))
            if key != ".exportd-store":
                yield key
