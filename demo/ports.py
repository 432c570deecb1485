"""Free ports that stay free while their server is down."""

import random
import socket
from contextlib import ExitStack, closing

_LOWEST, _HIGHEST = 20_000, 30_000
"""Below the ports that the system gives to outgoing connections, and to servers that ask for any."""


def free_ports(count: int) -> list[int]:
    """Return ports of loopback below those of outgoing connections, so that they are still free after a restart."""
    with ExitStack() as stack:  # held together, so that they differ
        ports: list[int] = []
        while len(ports) < count:
            trial = stack.enter_context(closing(socket.socket()))
            port = random.randrange(_LOWEST, _HIGHEST)  # noqa: S311 - no secret
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
        return ports


def free_port() -> int:
    """Return one of them."""
    (port,) = free_ports(1)
    return port


def consecutive_ports(count: int) -> range:
    """Return free ports, of the same kind, that follow each other."""
    while True:
        first = free_port()
        ports = range(first, first + count)
        if all(map(_is_free, ports)):
            return ports


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as trial:
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
