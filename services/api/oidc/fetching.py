"""Reads documents of a provider over https, within limits of time and size."""

import asyncio
import ssl
from pathlib import Path

import aiohttp

from services.runtime.addresses import tls_reason
from services.runtime.startup import using

TIMEOUT_S = 5.0
"""The limit for one document, from the look-up of the name to the last byte."""

MAX_DOCUMENT_BYTES = 512 << 10

_HEADERS = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "exportd"}


class FetchFailed(Exception):
    """A document could not be read. The text says why, for the operator."""


class Fetcher:
    """Fetches documents. It follows no redirects, since the settings and the provider's own document name the URLs."""

    def __init__(self, tls: ssl.SSLContext, timeout_s: float = TIMEOUT_S) -> None:
        self._tls = tls
        self._timeout_s = timeout_s

    async def get(self, url: str) -> bytes:
        """Return the document at an https URL. Raises FetchFailed."""
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session() as session,
                session.get(url, ssl=self._tls, allow_redirects=False) as answer,
            ):
                return await _body(answer)
        except TimeoutError as late:
            raise FetchFailed(f"no complete answer within {self._timeout_s:g} s") from late
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            raise FetchFailed(_reason(problem)) from problem

    @staticmethod
    def _session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            headers=_HEADERS, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return the context that verifies the provider: by a file of authorities, else by those of the system.

    Raises CannotUse.
    """
    if ca_file is None:
        return ssl.create_default_context()
    with using("EXPORTD_OIDC_CA_FILE", ca_file):
        return ssl.create_default_context(cafile=ca_file)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    if answer.status != 200:  # noqa: PLR2004 - OK
        raise FetchFailed(f"the answer has the status {answer.status}")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise FetchFailed("the answer is compressed")
    body = b""
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > MAX_DOCUMENT_BYTES:
            raise FetchFailed(f"the answer has more than {MAX_DOCUMENT_BYTES} bytes")
    return body


def _reason(problem: BaseException) -> str:
    reason = tls_reason(problem.__cause__ or problem)  # aiohttp's own errors of TLS have not all that Python's have
    return f"TLS: {reason}" if reason else f"{type(problem).__name__}: {problem}"[:200]
