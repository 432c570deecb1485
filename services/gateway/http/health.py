"""What load balancers and service managers ask: is the process there, and does it reach the api?"""

import json
from http import HTTPStatus

from aiohttp import web

from services.gateway.http.bodies import JSON
from services.gateway.http.doors import Surroundings


class Health:
    """`/healthz` asks about the process, `/readyz` about the way to the api, too. Neither needs a key."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings

    def add_routes(self, application: web.Application) -> None:
        """Add both routes."""
        application.router.add_get("/healthz", self._lives)
        application.router.add_get("/readyz", self._is_ready)

    async def _lives(self, _request: web.Request) -> web.Response:
        return self._draining() or _state("SERVING")

    async def _is_ready(self, _request: web.Request) -> web.Response:
        return self._draining() or (
            _state("READY") if self._around.api.is_reached else _state("UNREACHED", HTTPStatus.SERVICE_UNAVAILABLE)
        )

    def _draining(self) -> web.Response | None:
        return _state("DRAINING", HTTPStatus.SERVICE_UNAVAILABLE) if self._around.draining.is_set() else None


def _state(state: str, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(body=json.dumps({"status": state}).encode(), status=status, content_type=JSON)
