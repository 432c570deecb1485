"""The store: all roles over the same exports."""

from dataclasses import dataclass

from services.api.ports.audit import AuditStore
from services.api.ports.exports import ExportStore
from services.api.ports.figures import QueueFigures
from services.api.ports.keys import KeyStore
from services.api.ports.leases import LeaseStore
from services.api.ports.links import LinkStore
from services.api.ports.outbox import Outbox
from services.api.ports.quotas import UsageStore
from services.api.ports.retention import RetentionStore


@dataclass(frozen=True, slots=True)
class Store:
    """All roles that a storage adapter implements. Only app.py uses the whole; everything else takes one role."""

    exports: ExportStore
    leases: LeaseStore
    figures: QueueFigures
    outbox: Outbox
    retention: RetentionStore
    keys: KeyStore
    usage: UsageStore
    links: LinkStore
    audit: AuditStore
