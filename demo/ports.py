"""Free ports that stay free while their server is down."""

import random
import socket
from contextlib import ExitStack, closing


def free_ports(count: int) -> list[int]:
    """Return ports of loopback below those of outgoing connections, so that they are still free after a restart."""
    with ExitStack() as stack:  # held together, so that they differ
        ports: list[int] = []
        while len(ports) < count:
            trial = stack.enter_context(closing(socket.socket()))
            port = random.randrange(20_000, 30_000)  # noqa: S311 - no secret
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
        return ports
