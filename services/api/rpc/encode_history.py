"""Converts the history and the notifications of an export to messages for callers."""

from exportd.v1 import export_pb2
from services.api.domain.history import Transition
from services.api.domain.notifications import Delivery
from services.contract.codec import enum_to_pb, name_to_pb, timestamp_to_pb


def transition(entry: Transition) -> export_pb2.Transition:
    """Return an entry of a history."""
    return export_pb2.Transition(
        version=entry.version,
        run=entry.run,
        attempt=entry.attempt,
        event=name_to_pb(export_pb2.Transition.Event, entry.event),
        before=enum_to_pb(export_pb2.Export.State, entry.before),
        after=enum_to_pb(export_pb2.Export.State, entry.after),
        actor=enum_to_pb(export_pb2.Transition.Actor, entry.actor),
        worker_id=entry.worker_id,
        reason=entry.reason,
        create_time=timestamp_to_pb(entry.time),
    )


def delivery(record: Delivery) -> export_pb2.Delivery:
    """Return a notification."""
    return export_pb2.Delivery(
        id=record.id,
        export_id=record.export_id,
        run=record.run,
        channel=enum_to_pb(export_pb2.Delivery.Channel, record.channel),
        target=record.target,
        state=enum_to_pb(export_pb2.Delivery.State, record.state),
        try_count=record.attempt,
        next_try_time=timestamp_to_pb(record.next_attempt_time),
        create_time=timestamp_to_pb(record.create_time),
        end_time=timestamp_to_pb(record.end_time),
        tries=[export_pb2.Delivery.Try(end_time=timestamp_to_pb(t.time), outcome=t.outcome) for t in record.tries],
        event=record.event,
    )
