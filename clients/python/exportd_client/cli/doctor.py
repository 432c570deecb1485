"""exportctl doctor: what is wrong between this machine and the api, and what to do."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import click
import grpc

from exportd.v1.export_service_pb2 import ListCollectionsRequest
from exportd.v1.export_service_pb2_grpc import ExportServiceStub
from exportd_client.channel import Endpoint
from exportd_client.cli import streams
from exportd_client.cli.connection import endpoint_for
from exportd_client.cli.exits import Exit
from exportd_client.cli.findings import Finding, Verdict, fault, ok, warning
from exportd_client.cli.options import shared_options
from exportd_client.cli.server_certificate import of_server
from exportd_client.cli.session import Session, in_session
from exportd_client.cli.tables import Column

CALL_S = 10.0
CONNECT_S = 5.0
SKEW = timedelta(seconds=5)
"""A larger difference of the clocks makes the ages and the ends of exports look wrong here."""

SKEW_FAULT = timedelta(minutes=5)
"""Signatures of callbacks and tokens are refused by then."""

ENDS_SOON = timedelta(days=14)
COLUMNS = (Column("VERDICT"), Column("SUBJECT"), Column("FOUND"), Column("WHAT TO DO"))

_ABOUT = "x-exportd-about"
_TIME, _VERSION = "x-exportd-time", "x-exportd-version"
_EXPIRES = "x-exportd-credential-expire-time"
_OF_OTHERS = 0o077


@click.command()
@shared_options
@in_session
async def doctor(session: Session, /) -> Exit:
    """Check how the api is reached: address, certificate, key, clock, version."""
    found = [finding async for finding in findings(session.given)]
    if session.output.as_json:
        streams.write_json({"findings": [each.as_json() for each in found]})
    else:
        session.output.table("findings", (), COLUMNS, [each.row() for each in found])
    return Exit.FAILED if any(each.verdict is Verdict.FAULT for each in found) else Exit.OK


async def findings(given: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Yield what is found. After a fault that explains the further ones, nothing follows."""
    for each in _files(given):
        yield each
    endpoint = endpoint_for(given)
    reached = await _reached(endpoint.target)
    yield reached
    if reached.verdict is Verdict.FAULT:
        return
    if endpoint.tls:
        certificate = await of_server(endpoint, given, datetime.now(UTC), ENDS_SOON)
        yield certificate
        if certificate.verdict is Verdict.FAULT:
            return
    async for each in _of_api(endpoint):
        yield each


def _files(given: Mapping[str, str]) -> list[Finding]:
    """Check who may read the files with secrets."""
    found = []
    for name in ("api_key_file", "token_file", "tls_key"):
        path = Path(given[name]) if given[name] else None
        if path and path.exists() and path.stat().st_mode & _OF_OTHERS:
            found.append(warning(name.replace("_", " "), f"other users can access {path}", f"chmod 600 {path}"))
    return found


async def _reached(target: str) -> Finding:
    """Check that the address can be resolved and connected to."""
    host, _, port = target.removeprefix("dns:///").rpartition(":")
    if "," in target or "/" in host or not port.isdigit():
        return ok("address", f"{target} is left to gRPC")
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except TimeoutError:
        return fault("address", f"{target} does not answer within {CONNECT_S:g} s", "check the address and firewalls")
    except OSError as problem:
        reason = problem.strerror or str(problem)
        return fault("address", f"{target}: {reason}", "start exportd-api, or name it with --target or EXPORTD_TARGET")
    writer.close()
    return ok("address", f"{target} accepts connections")


@dataclass(frozen=True)
class _Told:
    """The metadata of an answer, and the time here in the middle of the call."""

    metadata: Mapping[str, str]
    at: datetime
    length: timedelta


async def _of_api(endpoint: Endpoint) -> AsyncIterator[Finding]:
    try:
        told = await _asked(endpoint)
    except grpc.aio.AioRpcError as refused:
        yield _refused(refused)
        return
    except TimeoutError:
        yield fault("api", f"no connection within {CALL_S:g} s", "check that TLS is used on both sides or on none")
        return
    yield ok("api", f"{endpoint.target} answers in {told.length.total_seconds() * 1000:.0f} ms")
    if _TIME in told.metadata:
        yield _clock(told)
        yield _versions(told.metadata.get(_VERSION, ""), version("exportd-client"))
        yield _credential(told, renewed=endpoint.renews)
    else:
        yield warning("version", "the api is older than this command, and tells nothing about itself", "update the api")


async def _asked(endpoint: Endpoint) -> _Told:
    """Make one call that changes nothing."""
    credentials = endpoint.credentials()
    options = endpoint.options()
    credential = endpoint.credential
    text = credential() if callable(credential) else credential
    metadata = (*endpoint.metadata(str(uuid.uuid4()), str(text)), (_ABOUT, "1"))
    channel = (
        grpc.aio.secure_channel(endpoint.target, credentials, options)
        if credentials
        else grpc.aio.insecure_channel(endpoint.target, options)
    )
    async with channel:
        async with asyncio.timeout(CALL_S):
            await channel.channel_ready()
        began = datetime.now(UTC)
        call = ExportServiceStub(channel).ListCollections(
            ListCollectionsRequest(page_size=1), metadata=metadata, timeout=CALL_S
        )
        await call
        length = datetime.now(UTC) - began
        trailing = {name: value for name, value in await call.trailing_metadata() if isinstance(value, str)}
    return _Told(trailing, began + length / 2, length)


def _refused(error: grpc.aio.AioRpcError) -> Finding:
    advice = {
        grpc.StatusCode.UNAUTHENTICATED: "name a valid key (--api-key-file, EXPORTD_API_KEY) or token (--token-file)",
        grpc.StatusCode.PERMISSION_DENIED: "this command needs a key with the scope read",
        grpc.StatusCode.UNAVAILABLE: "ask whoever runs the api: its log says more",
    }
    return fault("api", f"{error.code().name}: {error.details()}", advice.get(error.code(), "see docs/troubleshoot.md"))


def _clock(told: _Told) -> Finding:
    ahead = datetime.fromisoformat(told.metadata[_TIME]) - told.at
    seconds = ahead.total_seconds()
    found = f"that of the api is {abs(seconds):.1f} s {'ahead' if seconds > 0 else 'behind'}"
    if abs(ahead) <= SKEW + told.length / 2:
        return ok("clock", found)
    verdict = fault if abs(ahead) > SKEW_FAULT else warning
    return verdict("clock", found, "set the clocks of both machines by NTP")


def _versions(api: str, own: str) -> Finding:
    found = f"api {api or '(unknown)'}, exportctl {own}"
    if api and api.split(".")[:2] != own.split(".")[:2]:
        return warning("version", found, "install the exportctl of the api's version")
    return ok("version", found)


def _credential(told: _Told, *, renewed: bool) -> Finding:
    """Check when it ends; `renewed`: it is a token, which lives for minutes, from a file that somebody renews."""
    ends = datetime.fromisoformat(told.metadata[_EXPIRES]) if _EXPIRES in told.metadata else None
    if ends is None:
        return ok("credential", "accepted; it does not expire")
    found = f"accepted; it expires at {ends:%Y-%m-%d %H:%M} UTC"
    if renewed:
        return ok("credential", f"{found}, and its file is read again with each call")
    if ends - told.at < ENDS_SOON:
        return warning("credential", found, "rotate it: exportctl keys rotate ID")
    return ok("credential", found)
