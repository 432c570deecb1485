"""Serves the documents. They need no key: they are the same in every installation."""

from collections.abc import Callable
from functools import partial

from aiohttp import web

from services.gateway.descriptions import documents, index, page
from services.gateway.descriptions.style import CONTENT_SECURITY_POLICY


class DescriptionDoor:
    """`/openapi/{door}.json` for programs, `/docs` for people."""

    def add_routes(self, application: web.Application) -> None:
        """Add all routes."""
        router = application.router
        router.add_get("/openapi/{door}.json", partial(_answer, documents.text, _json), allow_head=False)
        router.add_get("/docs", _index, allow_head=False)
        router.add_get("/docs/{door}", partial(_answer, page.shown, _html), allow_head=False)


async def _answer(
    made: Callable[[str], bytes], sent: Callable[[bytes], web.Response], request: web.Request
) -> web.Response:
    door = request.match_info["door"]
    if door not in documents.DOORS:
        raise web.HTTPNotFound(text=f"there is no such interface; there are {', '.join(documents.DOORS)}")
    return sent(made(door))


async def _index(_request: web.Request) -> web.Response:
    return _html(index.shown())


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


def _html(body: bytes) -> web.Response:
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    return web.Response(body=body, content_type="text/html", charset="utf-8", headers=headers)
