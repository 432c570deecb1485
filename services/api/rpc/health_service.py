"""The service grpc.health.v1.

The servicer of grpcio holds a lock while it writes, so that one watcher that reads nothing would block all others and
every change of the status.
"""

import asyncio

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.api.rpc.limits import Limit
from services.api.rpc.metadata import Context

MAX_WATCHES = 256


class HealthServicer(health_pb2_grpc.HealthServicer):
    """One status for all `services` that may be asked about. The empty name stands for the whole process."""

    def __init__(self, services: tuple[str, ...]) -> None:
        self._services = frozenset(services)
        self._status: int = health_pb2.HealthCheckResponse.NOT_SERVING
        self._changed = asyncio.Event()
        self._watches = Limit("health", MAX_WATCHES)
        self._is_ending = False

    def ready(self, *, ready: bool) -> None:
        """Set the status and notify all watchers. Has no effect after `end`."""
        serving = health_pb2.HealthCheckResponse
        self._set(serving.SERVING if ready and not self._is_ending else serving.NOT_SERVING)

    def end(self) -> None:
        """Set the status to not serving, permanently."""
        self._is_ending = True
        self.ready(ready=False)

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Context) -> health_pb2.HealthCheckResponse:
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return health_pb2.HealthCheckResponse(status=self._status)

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:
        with self._watches.held():
            while True:
                changed, status = self._changed, self._of(request.service)
                await context.write(health_pb2.HealthCheckResponse(status=status))
                while self._of(request.service) == status:
                    await changed.wait()
                    changed = self._changed

    def _of(self, service: str) -> int:
        known = service in self._services
        return self._status if known else health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

    def _set(self, status: int) -> None:
        if status != self._status:
            self._status = status
            self._changed.set()
            self._changed = asyncio.Event()
