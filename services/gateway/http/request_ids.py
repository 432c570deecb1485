"""The id of a request, under which the logs of the gateway and of the api have it."""

import re
import secrets

from aiohttp import web

HEADER = "X-Request-ID"
KEY = web.RequestKey("request_id", str)
_ID = re.compile("[!-~]{1,64}")


def take(request: web.Request) -> str:
    """Return the caller's id if there is one that can be used, otherwise a new one, and keep it."""
    given = request.headers.getall(HEADER, [])
    usable = len(given) == 1 and _ID.fullmatch(given[0]) is not None
    request[KEY] = request_id = given[0] if usable else secrets.token_hex(16)
    return request_id


def request_id_of(request: web.Request) -> str:
    """Return the id that was kept."""
    return request[KEY]
