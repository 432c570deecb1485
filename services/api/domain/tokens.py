"""What a token of an identity provider proves."""

from dataclasses import dataclass
from datetime import datetime

from services.api.domain.keys import SCOPES_BEYOND_COLLECTIONS, Holder, Key, Scope

MAX_SUBJECT_CHARACTERS = 255
"""As OpenID Connect has it."""


@dataclass(frozen=True, slots=True)
class Token:
    """A valid token. `subject` is the provider's name for the caller, `rights` are those that the token gives.

    `rights` has the form of a key without an id, which expires when the token does.
    """

    subject: str
    rights: Key


def rights(
    tenant: str,
    scopes: frozenset[Scope],
    collections: frozenset[str],
    *,
    all_tenants: bool,
    begins: datetime,
    ends: datetime,
) -> Key:
    """Return the rights of a token. With `collections` it has no rights beyond them, as a key has none."""
    return Key(
        id="",
        holder=Holder.CALLER,
        tenant=tenant,
        label="",
        digest=b"",
        scopes=scopes - SCOPES_BEYOND_COLLECTIONS if collections else scopes,
        all_tenants=all_tenants and not collections,
        sources=frozenset(),
        create_time=begins,
        expire_time=ends,
        collections=collections,
    )
