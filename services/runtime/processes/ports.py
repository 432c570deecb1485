"""The ports of several processes: they share those that they serve, and each has its own one for metrics."""

from collections.abc import Mapping

from services.runtime.settings import SettingsReader
from services.runtime.startup import check_free

MAX_PROCESSES = 64
MAX_PORT = 65535


def metrics_of(address: str, index: int) -> str:
    """Return the metrics address of process `index`: each takes the port after that of the previous one.

    It is empty if `address` is.
    """
    host, _, port = address.rpartition(":")
    return f"{host}:{int(port) + index}" if address else ""


def check_ports(shared: Mapping[str, str], metrics_setting: str, metrics: str, count: int) -> None:
    """Check that the ports are free, since processes that share them do not notice. Raises CannotListen.

    `shared` are addresses by the names of their settings.
    """
    for name, address in shared.items():
        check_free(address, name)
    for index in range(count):
        check_free(metrics_of(metrics, index), metrics_setting)


def note_problems(
    read: SettingsReader, setting: str, count: int, *, shared: Mapping[str, str], metrics: tuple[str, str]
) -> None:
    """Note a problem for each address that `count` processes cannot use. `metrics` is a setting and its address."""
    for name, address in shared.items():
        if address.endswith(":0"):
            read.problem(f"{name} is {address!r}: processes that share a port need its number ({setting})")
    name, address = metrics
    if address and not 0 < int(address.rpartition(":")[2]) <= MAX_PORT - count:
        read.problem(f"{name} is {address!r}: each process takes a port, from this one on ({setting})")
