"""The live state of an api, and how that of a single process is built."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta

from services.api.live.announcements import LocalAnnouncements
from services.api.live.detached_tasks import LocalDetachedTasks
from services.api.live.duties import LocalDuties
from services.api.live.preview_desk import LocalPreviewDesk
from services.api.live.worker_identities import LocalWorkerIdentities
from services.api.live.workers import LocalWorkers
from services.api.ports.audit import AuditStore
from services.api.ports.clock import Clock
from services.api.ports.live import Announcements, DetachedTasks, Duties, PreviewDesk, WorkerIdentities, Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What an api holds beside its store.

    `beside` is the background work. `hears` returns whether hints of other processes arrive. It is None if there are no
    other processes.
    """

    announcements: Announcements
    workers: Workers
    worker_identities: WorkerIdentities
    preview_desk: PreviewDesk
    duties: Duties
    detached: DetachedTasks
    beside: tuple[Callable[[], Coroutine[None, None, None]], ...] = ()
    hears: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the live state is built from.

    `clock`, `monotonic`, `random` and `new_id` are those of World. `audit` is the audit trail. `store_id` is the marker
    of the artifact store. `capped` returns whether tenants have caps. `ttl` is the duration of a lease. A preview must
    be taken and answered within the last two times.
    """

    clock: Clock
    monotonic: Callable[[], float]
    random: Callable[[], float]
    new_id: Callable[[], str]
    audit: AuditStore
    store_id: str
    capped: Callable[[], bool]
    ttl: timedelta
    preview_taken_s: float
    preview_answered_s: float


def alone(needs: Needs) -> Live:
    """Return live state in the memory of this process."""
    return Live(
        announcements=LocalAnnouncements(capped=needs.capped),
        workers=LocalWorkers(needs.clock, needs.store_id, needs.audit),
        worker_identities=LocalWorkerIdentities(),
        preview_desk=LocalPreviewDesk(
            needs.new_id, taken_within_s=needs.preview_taken_s, answered_within_s=needs.preview_answered_s
        ),
        duties=LocalDuties(),
        detached=LocalDetachedTasks(),
    )
