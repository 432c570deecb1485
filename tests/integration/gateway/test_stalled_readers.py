"""Which connections are taken for stalled: those of whose answer nothing is taken, look after look."""

from typing import Any, cast

from services.gateway.http.stalled_readers import LOOKS, StalledReaders
from services.gateway.metrics import GatewayMetrics


class Connection:
    """As much of a transport as is looked at."""

    def __init__(self) -> None:
        self.waiting = 0
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def abort(self) -> None:
        self.aborted = True


def test_a_connection_is_cut_off_after_as_many_looks_without_progress() -> None:
    stalled, slow, idle = Connection(), Connection(), Connection()
    stalled.waiting, slow.waiting = 7, 1000
    metrics = GatewayMetrics()
    readers = StalledReaders(lambda: cast("list[Any]", [stalled, slow, idle]), metrics)
    for _ in range(LOOKS):
        readers.look()
        slow.waiting -= 1
    assert not stalled.aborted
    readers.look()
    assert (stalled.aborted, slow.aborted, idle.aborted) == (True, False, False)
    assert metrics.registry.get_sample_value("exportd_gateway_connections_stalled_total") == 1
