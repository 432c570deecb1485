"""The table of previews. Each is taken by one worker, answered once, and deleted by the process that asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.api.storage.sql.column_types import to_micros
from services.contract.capabilities import Capabilities, requirement_in, requirement_of_preview
from services.contract.codec import spec_from_bytes, spec_to_bytes
from services.contract.preview import Preview

MAX_COMPARED = 64
"""How many of the oldest untaken previews a worker is compared with."""

_put = sa.text(
    "INSERT INTO previews (id, tenant, spec, needs, rows, taken, asked, expire) "
    "VALUES (:id, :tenant, :spec, :needs, :rows, false, :asked, :expire)"
)
_open = sa.text(
    "SELECT id, tenant, needs FROM previews WHERE NOT taken AND expire > :now ORDER BY asked, id LIMIT :most"
)
_take = sa.text(
    "UPDATE previews SET taken = true WHERE id = (SELECT id FROM previews WHERE id = ANY(:ids) AND NOT taken "
    "ORDER BY asked, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, spec, rows"
)
_give_back = sa.text("UPDATE previews SET taken = false WHERE id = :id AND answer IS NULL")
_answer = sa.text(
    "UPDATE previews SET answer = :answer WHERE id = :id AND answer IS NULL AND rows >= :given RETURNING id"
)
_asked = sa.text("SELECT rows FROM previews WHERE id = :id")
_look = sa.text("SELECT taken, answer FROM previews WHERE id = :id")
_withdraw = sa.text("DELETE FROM previews WHERE id = :id AND NOT taken")
_remove = sa.text("DELETE FROM previews WHERE id = :id")
_forget = sa.text("DELETE FROM previews WHERE expire <= :now")


@dataclass(frozen=True, slots=True)
class Seen:
    """The state of a preview. `answer` is sealed."""

    taken: bool
    answer: bytes | None


def put(db: sa.Connection, preview: Preview, tenant: str, now: datetime, expire: datetime) -> None:
    """Insert a preview."""
    values: Mapping[str, Any] = {
        "id": preview.id,
        "tenant": tenant,
        "spec": spec_to_bytes(preview.spec),
        "needs": requirement_of_preview(preview.spec).text,
        "rows": preview.rows,
        "asked": to_micros(now),
        "expire": to_micros(expire),
    }
    db.execute(_put, values)


def open_for(db: sa.Connection, can: Capabilities, now: datetime) -> Sequence[str]:
    """Return the ids of the untaken previews that a worker can answer, oldest first."""
    found = db.execute(_open, {"now": to_micros(now), "most": MAX_COMPARED})
    return [row.id for row in found if can.meet(requirement_in(row.needs), row.tenant)]


def take(db: sa.Connection, ids: Sequence[str]) -> Preview | None:
    """Take the first of these that is still untaken, and return it. Return None if there is none."""
    row = db.execute(_take, {"ids": [*ids]}).one_or_none()
    return Preview(row.id, spec_from_bytes(row.spec), row.rows) if row else None


def give_back(db: sa.Connection, preview_id: str) -> None:
    """Give a taken preview back, unless it was answered."""
    db.execute(_give_back, {"id": preview_id})


def answer(db: sa.Connection, preview_id: str, sealed: bytes, given_rows: int) -> int | None:
    """Answer a preview. If it has too many rows, return how many it may have; otherwise return None."""
    if db.execute(_answer, {"id": preview_id, "answer": sealed, "given": given_rows}).one_or_none():
        return None
    asked = db.execute(_asked, {"id": preview_id}).scalar_one_or_none()
    return asked if asked is not None and asked < given_rows else None


def look(db: sa.Connection, preview_id: str) -> Seen | None:
    """Return the state of a preview, or None if it is gone."""
    row = db.execute(_look, {"id": preview_id}).one_or_none()
    return Seen(row.taken, bytes(row.answer) if row.answer is not None else None) if row else None


def withdraw(db: sa.Connection, preview_id: str) -> bool:
    """Delete a preview unless it was taken. Return whether it was deleted."""
    return db.execute(_withdraw, {"id": preview_id}).rowcount > 0


def remove(db: sa.Connection, preview_id: str) -> None:
    """Delete a preview."""
    db.execute(_remove, {"id": preview_id})


def forget(db: sa.Connection, now: datetime) -> None:
    """Delete the expired previews."""
    db.execute(_forget, {"now": to_micros(now)})
