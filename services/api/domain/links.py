"""Download links: their fields, their tokens and tickets, and how long they are valid."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from services.api.domain import key_texts
from services.contract.errors import QuotaExceeded

TOKEN_PREFIX = "exl"  # noqa: S105 - the prefix of every token
TICKET_PREFIX = "ext"

DEFAULT_MAX_LIFE = timedelta(days=7)
MIN_LIFE, MAX_LIFE = timedelta(minutes=1), timedelta(days=90)
MAX_USES = 1000

MAX_LIVE_OF_EXPORT = 100
"""How many links of one export can be usable at once. A link of a mail is created even beyond."""

MAX_STORED_OF_EXPORT = 1000
"""How many links of one export are stored, usable or not: whoever creates and revokes fills no table."""

OF_EXPORT = "links_of_export"
"""What a refusal calls both limits of an export."""

RESUMED_WITHIN = timedelta(hours=1)
"""How long after a use downloads can begin with its ticket: the first one, and others that resume it."""

KEPT_AFTER_END = timedelta(days=7)
"""How long a link stays in lists after it has expired."""

_TICKETS = re.compile(
    f"{TICKET_PREFIX}_([0-9A-Za-z]{{{key_texts.ID_CHARACTERS}}})([0-9a-f]{{10}})([0-9a-f]{{64}}(?:[0-9a-f]{{8}})?)"
)


@dataclass(frozen=True, slots=True)
class LinkPolicy:
    """The longest life of a link, and the address of the gateway, without a slash at its end; empty if unknown."""

    max_life: timedelta = DEFAULT_MAX_LIFE
    public_url: str = ""

    def url_of(self, token: str) -> str:
        """Return the address of the page of a link; empty without the address of the gateway."""
        return f"{self.public_url}/links/{token}" if self.public_url else ""


@dataclass(frozen=True, slots=True)
class DownloadLink:
    """A link to one file as it is stored. `digest` is the keyed hash of its token.

    `max_uses` is 0 if it can be used any number of times. `last_use_id` identifies the last of its `uses`. `creator` is
    the principal of the caller that created it. A link for a mail has the `delivery_id` of its notification and, until
    that has ended, the `sealed_token`.
    """

    id: str
    tenant: str
    export_id: str
    file_id: str
    digest: bytes = field(repr=False)
    create_time: datetime
    expire_time: datetime
    max_uses: int = 0
    label: str = ""
    creator: str = ""
    delivery_id: str = ""
    sealed_token: bytes | None = field(default=None, repr=False)
    uses: int = 0
    last_use_id: str = ""
    last_use_time: datetime | None = None
    revoke_time: datetime | None = None

    def valid_at(self, now: datetime) -> bool:
        """Whether the link is neither revoked nor expired at `now`. It may be used up."""
        return self.revoke_time is None and now < self.expire_time

    def live_at(self, now: datetime) -> bool:
        """Whether the link can be used at `now`."""
        return self.valid_at(now) and not self.used_up

    @property
    def used_up(self) -> bool:
        """Whether no use is left."""
        return 0 < self.max_uses <= self.uses

    @property
    def uses_left(self) -> int:
        """How often it can still be used; 0 means any number of times, since a link that is used up is not valid."""
        return self.max_uses - self.uses if self.max_uses else 0


@dataclass(frozen=True, slots=True)
class MailLink:
    """A link in a mail: the name of its file, when it ends, and its URL, which is a secret and must not be logged."""

    filename: str
    expire_time: datetime
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a use of a link returns: whoever has its text can download the file until `expire_time`."""

    link_id: str
    expire_time: datetime
    code: bytes = field(repr=False)

    @staticmethod
    def body(link_id: str, expire_time: datetime) -> str:
        """Return what the code of a ticket authenticates. The time is rounded down to a second."""
        return f"{TICKET_PREFIX}_{link_id}{int(expire_time.timestamp()):010x}"

    @classmethod
    def read(cls, text: str) -> "Ticket | None":
        """Return the ticket with this text, whose code is not checked; None for any other text."""
        found = _TICKETS.fullmatch(text)
        if found is None:
            return None
        try:
            expire_time = datetime.fromtimestamp(int(found[2], 16), UTC)
        except (ValueError, OverflowError, OSError):
            return None
        return cls(found[1], expire_time, bytes.fromhex(found[3]))


def check_room(live_ends: Sequence[datetime], stored: int, now: datetime) -> None:
    """Check that an export can have another link. `live_ends` are when its usable links expire.

    Raises QuotaExceeded, with the time until the first of the usable links expires.
    """
    if len(live_ends) >= MAX_LIVE_OF_EXPORT:
        wait_s = math.ceil((min(live_ends) - now).total_seconds())
        raise QuotaExceeded(OF_EXPORT, MAX_LIVE_OF_EXPORT, MAX_LIVE_OF_EXPORT, max(1, wait_s))
    if stored >= MAX_STORED_OF_EXPORT:
        raise QuotaExceeded(OF_EXPORT, MAX_STORED_OF_EXPORT, MAX_STORED_OF_EXPORT)


def token_id(text: str) -> str:
    """Return the id of a link from its token; empty for any other text, including a mistyped token."""
    found = key_texts.read(text)
    return found[1] if found and found[0] == TOKEN_PREFIX else ""
