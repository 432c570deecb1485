"""Reads bodies of requests."""

import asyncio
import json
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from exportd_client.errors import Violation
from services.gateway.http.problems import invalid

JSON = "application/json"
_TYPES = frozenset({JSON, "application/ld+json"})
_UTF_8 = "utf-8"
MAX_FORM_FIELDS = 20


class Bodies:
    """Reads JSON, within a time."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    async def json(self, request: web.Request) -> dict[str, Any]:
        """Return the object in the body; an empty one if there is no body.

        Raises InvalidArgument, and HTTPException for another media type, a body that is too large or too slow.
        """
        text = await self._read(request)
        if not text.strip():
            return {}
        if request.content_type not in _TYPES or (request.charset or _UTF_8).lower() != _UTF_8:
            raise _unsupported("the body must be application/json in UTF-8")
        return document_of(text)

    async def form(self, request: web.Request) -> dict[str, str]:
        """Return the fields of a form, each once; an empty one for any other body.

        Raises HTTPException for a body that is too large or too slow.
        """
        text = await self._read(request)
        if request.content_type != "application/x-www-form-urlencoded":
            return {}
        return dict(parse_qsl(text.decode(errors="replace"), max_num_fields=MAX_FORM_FIELDS))

    async def _read(self, request: web.Request) -> bytes:
        if not request.body_exists:
            return b""
        if "Content-Encoding" in request.headers:
            raise _unsupported("the body must not be compressed")
        try:
            async with asyncio.timeout(self._timeout_s):
                return await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="the body took too long to arrive") from None


def _unsupported(text: str) -> web.HTTPException:
    return web.HTTPUnsupportedMediaType(text=text, headers={"Accept": JSON})


def document_of(text: bytes) -> dict[str, Any]:
    """Return the object that a text in JSON is. Raises InvalidArgument."""
    try:
        document = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as wrong:
        raise invalid(Violation("", f"the body is no JSON: {_reason(wrong)}")) from None
    if not isinstance(document, dict):
        raise invalid(Violation("", "the body must be a JSON object"))
    return document


def _reason(wrong: Exception) -> str:
    return "it is nested too deeply" if isinstance(wrong, RecursionError) else str(wrong)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in pairs:
        if name in document:
            raise ValueError(f"{name!r} is there twice")
        document[name] = value
    return document


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
