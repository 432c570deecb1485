"""The two gRPC servers of the api: one for callers, one for workers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha.reflection import enable_server_reflection

from exportd.queue.v1 import job_queue_service_pb2_grpc
from exportd.v1 import (
    export_service_pb2,
    export_service_pb2_grpc,
    key_service_pb2_grpc,
    link_service_pb2_grpc,
    operator_service_pb2_grpc,
)
from services.api.metrics import ApiMetrics
from services.api.rpc.export_service import ExportServicer
from services.api.rpc.gate import Gate
from services.api.rpc.health_service import HealthServicer
from services.api.rpc.interceptor import CallInterceptor
from services.api.rpc.key_service import KeyServicer
from services.api.rpc.links.link_service import LinkServicer
from services.api.rpc.operator_service import OperatorServicer
from services.api.rpc.queue.queue_service import JobQueueServicer
from services.api.world import World
from services.runtime.channels import MAX_QUEUE_MESSAGE_BYTES, MAX_REQUEST_BYTES, server_options
from services.runtime.startup import CannotListen
from services.runtime.tracing.serving import NOT_TRACED, Serving
from services.tls.server import ServerCertificates

SERVICES = (
    "",
    "exportd.v1.ExportService",
    "exportd.v1.OperatorService",
    "exportd.v1.KeyService",
    "exportd.v1.LinkService",
    "exportd.queue.v1.JobQueueService",
)
"""The names that health checks may ask about: the whole process (empty), and each service."""


SHOWN = (
    "exportd.v1.ExportService",
    "exportd.v1.OperatorService",
    "exportd.v1.KeyService",
    "exportd.v1.LinkService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1alpha.ServerReflection",
)
"""The services that reflection shows: those on the callers' port."""

MAX_EXCESS_BYTES = 1 << 20
"""gRPC itself refuses a request that exceeds the limit by more than this, as RESOURCE_EXHAUSTED."""


@dataclass(frozen=True, slots=True)
class Listening:
    """An address and the setting that names it. Without certificates the connection is not encrypted."""

    address: str
    setting: str
    certificates: ServerCertificates | None = None


@dataclass(frozen=True, slots=True)
class Gates:
    """The gate of each port."""

    callers: Gate
    workers: Gate


@dataclass(frozen=True, slots=True)
class Servicers:
    """The services: four for callers, one for workers."""

    exports: ExportServicer
    operators: OperatorServicer
    keys: KeyServicer
    links: LinkServicer
    queue: JobQueueServicer


class Servers:
    """Both servers and their health. They do not serve before `start`."""

    def __init__(
        self,
        servicers: Servicers,
        gates: Gates,
        metrics: ApiMetrics,
        world: World,
        *,
        reflection: bool,
        connection_age: timedelta,
        shares_ports: bool = False,
        serving: Serving = NOT_TRACED,
    ) -> None:
        """With `reflection` callers may ask for the services and their message types.

        With `shares_ports` other processes may listen on the same ports. The operating system gives each connection to
        one of them. `serving` makes the spans of callers' calls.
        """
        self._shares_ports = shares_ports
        self._connection_age = connection_age
        self._health = HealthServicer(SERVICES)
        of_workers = Serving(serving.tracer)
        public = CallInterceptor(metrics, world, MAX_REQUEST_BYTES, gates.callers, serving)
        queue_calls = CallInterceptor(metrics, world, MAX_QUEUE_MESSAGE_BYTES, gates.workers, of_workers)
        self.open_calls = (public.open_calls, queue_calls.open_calls)
        self._public = self._server(public, MAX_REQUEST_BYTES)
        self._queue = self._server(queue_calls, MAX_QUEUE_MESSAGE_BYTES)
        public_port, queue_port = by_name(self._public), by_name(self._queue)
        _write_bytes(self._public, servicers.exports)
        export_service_pb2_grpc.add_ExportServiceServicer_to_server(servicers.exports, public_port)
        operator_service_pb2_grpc.add_OperatorServiceServicer_to_server(servicers.operators, public_port)
        key_service_pb2_grpc.add_KeyServiceServicer_to_server(servicers.keys, public_port)
        link_service_pb2_grpc.add_LinkServiceServicer_to_server(servicers.links, public_port)
        job_queue_service_pb2_grpc.add_JobQueueServiceServicer_to_server(servicers.queue, queue_port)
        if reflection:
            enable_server_reflection(SHOWN, self._public)

    async def start(self, public: Listening, queue: Listening) -> tuple[int, int]:
        """Start serving and return both ports, which matters if port 0 was requested. Raises CannotListen."""
        ports = (_bound(self._public, public), _bound(self._queue, queue))
        await self._public.start()
        await self._queue.start()
        await self.ready(ready=True)
        return ports

    async def ready(self, *, ready: bool) -> None:
        """Set the health status of the whole process and of its services."""
        self._health.ready(ready=ready)

    async def stop(self, grace_s: float) -> None:
        """Accept no new calls, and give running calls `grace_s` seconds to end."""
        self._health.end()
        await asyncio.gather(self._public.stop(grace_s), self._queue.stop(grace_s))

    def _server(self, interceptor: CallInterceptor, max_request_bytes: int) -> grpc.aio.Server:
        """Return a server that receives somewhat larger requests than are accepted.

        Thus a request that is too large is refused with exportd's own error.
        """
        max_bytes = max_request_bytes + MAX_EXCESS_BYTES
        options = server_options(max_bytes, self._connection_age, shares_port=self._shares_ports)
        server = grpc.aio.server(interceptors=[interceptor], options=options)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, by_name(server))
        return server


class _ByName:
    """Takes what generated code adds to a server, so that methods are looked up by their names.

    Generated code also registers each method. But for each call a server of grpc.aio then goes through all registered
    methods of all services, which takes a tenth of the time of a call that does nothing.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Add handlers that find a method by its name."""
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, *_: object) -> None:
        """Do nothing: the same handlers are added by name."""


def by_name(server: grpc.aio.Server) -> grpc.aio.Server:
    """Return what generated code may add a service to; see _ByName."""
    return cast("grpc.aio.Server", _ByName(server))


def _write_bytes(server: grpc.aio.Server, exports: ExportServicer) -> None:
    """Handle DownloadFile with messages that are already bytes: protobuf would copy each of them three times.

    Handlers that are added later for the same methods are not used.
    """
    handler: grpc.RpcMethodHandler[export_service_pb2.DownloadFileRequest, bytes] = (
        grpc.unary_stream_rpc_method_handler(
            exports.DownloadFile, request_deserializer=export_service_pb2.DownloadFileRequest.FromString
        )
    )
    service = grpc.method_handlers_generic_handler("exportd.v1.ExportService", {"DownloadFile": handler})
    server.add_generic_rpc_handlers((service,))


def _bound(server: grpc.aio.Server, listening: Listening) -> int:
    try:
        if listening.certificates is None:
            return server.add_insecure_port(listening.address)
        return server.add_secure_port(listening.address, listening.certificates.credentials())
    except RuntimeError as refused:
        raise CannotListen(listening.address, listening.setting) from refused
