"""The audit trail: who did what, and when. Entries are only ever added; they go when their time is over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from services.api.domain.export import Export
from services.api.domain.keys import Key
from services.api.domain.links import DownloadLink
from services.api.domain.notifications import Delivery

MAX_TEXT_CHARACTERS = 256
"""The longest text in an entry; the rest of a longer one is left out."""

MAX_DETAILS = 8
"""The largest number of texts in the details of an entry."""


class Action(Enum):
    """What was done. The names are those of exportd.v1.AuditEntry.Action."""

    EXPORT_CREATED = "EXPORT_CREATED"
    EXPORT_CANCELLED = "EXPORT_CANCELLED"
    EXPORT_DELETED = "EXPORT_DELETED"
    EXPORT_RETRIED = "EXPORT_RETRIED"
    DOWNLOAD_STARTED = "DOWNLOAD_STARTED"
    DOWNLOAD_ENDED = "DOWNLOAD_ENDED"
    DOWNLOAD_URL_ISSUED = "DOWNLOAD_URL_ISSUED"
    LINK_CREATED = "LINK_CREATED"
    LINK_USED = "LINK_USED"
    LINK_REVOKED = "LINK_REVOKED"
    ROWS_PREVIEWED = "ROWS_PREVIEWED"
    NOTIFICATION_RESENT = "NOTIFICATION_RESENT"
    KEY_CREATED = "KEY_CREATED"
    KEY_ROTATED = "KEY_ROTATED"
    KEY_REVOKED = "KEY_REVOKED"
    WORKER_DRAINED = "WORKER_DRAINED"


def _is_bounded(text: str) -> bool:
    """Whether a text is safe to store and to show: short, and without control characters."""
    return len(text) <= MAX_TEXT_CHARACTERS and text.isprintable()


def _bounded(text: str) -> str:
    """Return the text, or what is left of it if it is not safe."""
    short = text[:MAX_TEXT_CHARACTERS]
    return short if short.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in short)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an action came from.

    `principal` names the credentials, never with their secret: `key:ID`, `oidc:SUBJECT`, `link:ID`, or `local:USER`
    for a command on the machine of the store. `request_id` is the one under which the log has the call. `peer` is the
    address of the other end of the connection, without its port.
    """

    principal: str = ""
    request_id: str = ""
    peer: str = ""

    def __post_init__(self) -> None:
        """The texts come from outside."""
        for name in ("principal", "request_id", "peer"):
            object.__setattr__(self, name, _bounded(getattr(self, name)))


NOBODY = Origin()
"""The origin of what no call and no command did."""

MAILS = Origin("mails")
"""The origin of the links in mails, which the api makes when it sends them."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry. `id` is 0 until it is stored; then a later entry has a greater one.

    `tenant` is the tenant whose data or key it is about; empty for workers, which belong to none. `resource` is the id
    of the export, the key or the worker; empty for a preview. `bytes` is how many bytes of a file were sent; None if
    that is not known. `details` are a few short texts. `action` is None if only a later version knows it. With `once`
    the entry can be added again if nobody knows whether it was added: the store keeps one entry for each such text.
    """

    action: Action | None
    time: datetime
    tenant: str
    resource: str
    by: Origin
    bytes: int | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    once: str = ""
    id: int = 0

    def __post_init__(self) -> None:
        """Most texts were checked before. This holds for all of them."""
        if not _is_bounded(self.resource):
            object.__setattr__(self, "resource", _bounded(self.resource))
        if len(self.details) > MAX_DETAILS:
            raise ValueError(f"an entry has at most {MAX_DETAILS} details: {[*self.details]}")
        if not all(map(_is_bounded, self.details.values())):
            object.__setattr__(self, "details", {name: _bounded(text) for name, text in self.details.items()})


def of_export(
    action: Action, export: Export, by: Origin, now: datetime, *, sent: int | None = None, **details: str
) -> AuditEntry:
    """Return the entry of an action on an export. `sent` is in bytes."""
    return AuditEntry(action, now, export.tenant, export.id, by, sent, {"collection": export.type, **details})


def of_link(action: Action, link: DownloadLink, by: Origin, now: datetime, **details: str) -> AuditEntry:
    """Return the entry of an action on a download link, which is found under its export."""
    told = {"link_id": link.id, "file_id": link.file_id, **details}
    return AuditEntry(action, now, link.tenant, link.export_id, by, details=told)


def of_new_link(link: DownloadLink, by: Origin) -> AuditEntry:
    """Return the entry of a new link, with its limits."""
    limits = {"expires": link.expire_time.isoformat(timespec="seconds"), "max_uses": str(link.max_uses or "any")}
    return of_link(Action.LINK_CREATED, link, by, link.create_time, **limits)


def of_preview(tenant: str, collection: str, rows: int, by: Origin, now: datetime) -> AuditEntry:
    """Return the entry of the first rows of a query that were shown."""
    details = {"collection": collection, "rows": str(rows)}
    return AuditEntry(Action.ROWS_PREVIEWED, now, tenant, "", by, details=details)


def of_key(action: Action, key: Key, by: Origin, now: datetime, **details: str) -> AuditEntry:
    """Return the entry of an action on a key."""
    return AuditEntry(action, now, key.tenant, key.id, by, details={"holder": key.holder.name.lower(), **details})


def of_new_key(key: Key, by: Origin, **details: str) -> AuditEntry:
    """Return the entry of a new key, with what it allows."""
    scopes = ",".join(sorted(scope.value for scope in key.scopes))
    allowed = {"scopes": scopes} if scopes else {}
    reach = {"all_tenants": "true"} if key.all_tenants else {}
    return of_key(Action.KEY_CREATED, key, by, key.create_time, **allowed, **reach, **details)


def of_delivery(delivery: Delivery, by: Origin, now: datetime) -> AuditEntry:
    """Return the entry of a notification that is sent again."""
    details = {"delivery_id": delivery.id}
    return AuditEntry(Action.NOTIFICATION_RESENT, now, delivery.tenant, delivery.export_id, by, details=details)


def of_drain(worker_id: str, by: Origin, now: datetime) -> AuditEntry:
    """Return the entry of a worker that was told to stop."""
    return AuditEntry(Action.WORKER_DRAINED, now, "", worker_id, by)
