"""What happened to an export and where its ends were announced, as callers see it."""

from exportd.v1 import export_pb2
from services.api.domain.history import Transition
from services.api.domain.notifications import Delivery
from services.api.domain.states import State
from services.contract.codec import timestamp_to_pb


def transition(entry: Transition) -> export_pb2.Transition:
    """One entry of a history."""
    return export_pb2.Transition(
        version=entry.version,
        run=entry.run,
        attempt=entry.attempt,
        event=entry.event,
        before=_state(entry.before),
        after=_state(entry.after),
        actor=export_pb2.Transition.Actor.Value(entry.actor.value),
        worker_id=entry.worker_id,
        reason=entry.reason,
        time=timestamp_to_pb(entry.time),
    )


def delivery(shown: Delivery) -> export_pb2.Delivery:
    """One announcement."""
    return export_pb2.Delivery(
        id=shown.id,
        export_id=shown.export_id,
        run=shown.run,
        channel=export_pb2.Delivery.Channel.Value(shown.channel.value),
        target=shown.target,
        state=export_pb2.Delivery.State.Value(shown.state.value),
        attempt=shown.attempt,
        next_attempt_time=timestamp_to_pb(shown.next_attempt_time),
        create_time=timestamp_to_pb(shown.create_time),
        end_time=timestamp_to_pb(shown.end_time),
        tries=[export_pb2.Delivery.Try(time=timestamp_to_pb(t.time), outcome=t.outcome) for t in shown.tries],
    )


def _state(state: State | None) -> export_pb2.Export.State.ValueType:
    return export_pb2.Export.State.Value(state.value if state else "STATE_UNSPECIFIED")
