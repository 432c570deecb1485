"""The door for people who have a download link: a page with a button, and the file behind it.

GET and HEAD of the page use nothing up: scanners of mail and previews of chats fetch every address that they see. Only
the button, a POST, uses the link. Its answer leads to an address with a ticket in place of the token, from which the
file can be fetched and resumed for an hour.
"""

import re
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from exportd.v1.export_service_pb2 import DownloadFileRequest
from exportd.v1.link_service_pb2 import GetLinkedFileRequest, UseDownloadLinkRequest
from exportd_client.errors import ExportdError
from services.gateway.http.credentials import caller_with_link
from services.gateway.http.doors import Surroundings
from services.gateway.http.downloads import Downloads
from services.gateway.http.problems import headers_of, status_of, text_of
from services.gateway.http.request_ids import request_id_of
from services.gateway.links.page import HEADERS, file_page, problem_page

USE_ID = "use_id"
_USE_IDS = re.compile("[0-9A-Za-z]{16,64}")
_USE_ID_BYTES = 16

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LinkDoor:
    """`/links/{token}`, and `/links/{ticket}/content`."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._downloads = Downloads(surroundings, may_be_kept=False)

    def add_routes(self, application: web.Application) -> None:
        """Add all routes."""
        for verb, path, handler in (
            ("GET", "/links/{token}", self._page),
            ("HEAD", "/links/{token}", self._page),
            ("POST", "/links/{token}", self._use),
            ("GET", "/links/{ticket}/content", self._download),
            ("HEAD", "/links/{ticket}/content", self._download),
        ):
            application.router.add_route(verb, path, _telling(handler))

    async def _page(self, request: web.Request) -> web.StreamResponse:
        caller = caller_with_link(request.match_info["token"], request)
        file = await self._around.api.call("GetLinkedFile", GetLinkedFileRequest(), caller)
        return _html(HTTPStatus.OK, file_page(file, secrets.token_hex(_USE_ID_BYTES)))

    async def _use(self, request: web.Request) -> web.StreamResponse:
        """Use the link, and lead to the file. A repeated press of the same page's button is the same use."""
        caller = caller_with_link(request.match_info["token"], request)
        given = (await self._around.bodies.form(request)).get(USE_ID, "")
        use_id = given if _USE_IDS.fullmatch(given) else secrets.token_hex(_USE_ID_BYTES)
        ticket = await self._around.api.call("UseDownloadLink", UseDownloadLinkRequest(use_id=use_id), caller)
        # Relative to this address, so that it is right behind a proxy that adds a path.
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={**HEADERS, "Location": f"{ticket.ticket}/content"})

    async def _download(self, request: web.Request) -> web.StreamResponse:
        caller = caller_with_link(request.match_info["ticket"], request)
        return await self._downloads.answer(request, DownloadFileRequest(), caller)


def _html(status: HTTPStatus, page: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, text=page, headers={**HEADERS, **(headers or {})}, content_type="text/html", charset="utf-8"
    )


def _telling(handler: _Handler) -> _Handler:
    """Answer errors with a page."""

    async def told(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ExportdError as error:
            status = _status(error)
            page = problem_page(status, text_of(error), request_id_of(request))
            return _html(status, page, headers_of(error) if status is not HTTPStatus.NOT_FOUND else {})

    return told


def _status(error: ExportdError) -> HTTPStatus:
    """Return the status of a page. A text that is no link, or not the right one, is answered as an unknown link."""
    status = status_of(error)
    return HTTPStatus.NOT_FOUND if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) else status
