"""What the doors share: the api, the credentials, the reading of bodies, and the end of streams."""

import asyncio
from dataclasses import dataclass

from services.gateway.http.bodies import Bodies
from services.gateway.http.credentials import Credentials
from services.gateway.metrics import GatewayMetrics
from services.gateway.upstream.api import Api


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`draining` is set when streams are to end."""

    api: Api
    credentials: Credentials
    bodies: Bodies
    metrics: GatewayMetrics
    draining: asyncio.Event
