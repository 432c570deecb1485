"""Options of gRPC servers and channels."""

from datetime import timedelta

Options = list[tuple[str, int]]

MAX_PENDING_CALLS = 50_000
"""Calls that have arrived and wait for the event loop."""

MAX_REQUEST_BYTES = 64 * 1024
"""Largest message from a caller."""

MAX_QUEUE_MESSAGE_BYTES = 16 * 1024 * 1024
"""Largest message between workers and the queue.

It is enough for hundreds of leases, or for sixteen jobs with the most columns.
"""


MAX_CONNECTIONS = 8192
"""Connections to a port at the same time; gRPC closes more at once. It does not count them by address."""

MAX_STREAMS_OF_CONNECTION = 4096
"""Calls over one connection at the same time; a client holds more back. A gateway has one for all its callers."""

IDLE = timedelta(minutes=10)
"""A connection without calls is closed after this time. A client opens another one when it needs it."""

HANDSHAKE_WITHIN = timedelta(seconds=10)
"""How long a new connection may take until it can carry calls. gRPC would wait for two minutes."""

MAX_METADATA_BYTES = 16 * 1024
"""Metadata that a call may have: a token of 8 KiB, and some more. gRPC refuses some of the calls that have more."""


def server_options(max_receive_bytes: int, connection_age: timedelta, *, shares_port: bool = False) -> Options:
    """Return the options of a server. A second bind to its port fails visibly, unless it `shares_port`.

    After `connection_age`, give or take a tenth, the server asks a client to open a new connection. The calls that run
    on the old one may end there, however long they take.
    """
    return [
        ("grpc.max_connection_age_ms", _ms(connection_age)),
        ("grpc.max_connection_idle_ms", _ms(IDLE)),
        ("grpc.server_handshake_timeout_ms", _ms(HANDSHAKE_WITHIN)),
        ("grpc.max_allowed_incoming_connections", MAX_CONNECTIONS),
        ("grpc.max_concurrent_streams", MAX_STREAMS_OF_CONNECTION),
        ("grpc.so_reuseport", int(shares_port)),
        ("grpc.server.max_pending_requests", MAX_PENDING_CALLS),  # beyond gRPC's own limit calls end without a reason
        ("grpc.server.max_pending_requests_hard_limit", 2 * MAX_PENDING_CALLS),
        ("grpc.max_receive_message_length", max_receive_bytes),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]


def _ms(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)


def client_options() -> Options:
    """Return the options of a worker's channel.

    It notices a dead api within a minute, and reconnects quickly, without growing delays.
    """
    return [
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_receive_message_length", MAX_QUEUE_MESSAGE_BYTES),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.enable_http_proxy", 0),  # otherwise even calls to loopback would use the environment's http_proxy
    ]
