"""Builds the live state of an api that shares its database with other processes."""

from functools import partial

from services.api.live.detached_tasks import LocalDetachedTasks
from services.api.live.parts import Live, Needs
from services.api.live.shared.announcements import SharedAnnouncements
from services.api.live.shared.duties import SharedDuties
from services.api.live.shared.hearing import Hearing
from services.api.live.shared.listener import Listener
from services.api.live.shared.looking import Looking
from services.api.live.shared.outgoing import Outgoing
from services.api.live.shared.preview_desk import SharedPreviewDesk
from services.api.live.shared.reports import Reports
from services.api.live.shared.watches import Watches
from services.api.live.shared.worker_identities import SharedWorkerIdentities
from services.api.live.shared.workers import SharedWorkers
from services.api.ports.exports import ExportStore
from services.api.secrets.answers import Answers
from services.api.secrets.server_keys import ServerKeys
from services.api.storage.postgres.database import PostgresDatabase


def together(database: PostgresDatabase, exports: ExportStore, keys: ServerKeys, needs: Needs) -> Live:
    """Return live state that all processes on the database share."""
    process, clock, detached = needs.new_id(), needs.clock, LocalDetachedTasks()
    outgoing = Outgoing(database, process, detached)
    reports = Reports(database, clock, needs.monotonic, detached)
    announcements = SharedAnnouncements(
        outgoing, reports, partial(Watches, database, process, clock, detached), capped=needs.capped
    )
    workers = SharedWorkers(database, outgoing, clock, needs.monotonic, needs.store_id, silent_after=needs.ttl)
    identities = SharedWorkerIdentities(database, clock, needs.monotonic)
    desk = SharedPreviewDesk(
        database,
        outgoing,
        Answers(keys),
        detached,
        new_id=needs.new_id,
        clock=clock,
        taken_within_s=needs.preview_taken_s,
        answered_within_s=needs.preview_answered_s,
    )
    hearing = Hearing(process, announcements, workers, desk)
    listener = Listener(database.address, hearing.hear, hearing.look_at_everything, needs.random)
    looking = Looking(exports, announcements, reports, needs.random)
    return Live(
        announcements=announcements,
        workers=workers,
        worker_identities=identities,
        preview_desk=desk,
        duties=SharedDuties(database, process, clock),
        detached=detached,
        beside=(
            listener.run,
            looking.run,
            reports.run,
            announcements.told_watches.run,
            workers.run,
            identities.run,
            desk.run,
        ),
        hears=lambda: listener.connected,
    )
