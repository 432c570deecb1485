"""The certificate that the api shows, checked with a TLS handshake beside gRPC, which tells no reasons."""

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from exportd_client.channel import Endpoint
from exportd_client.cli.findings import Finding, fault, ok, warning

HANDSHAKE_S = 10.0
SUBJECT = "certificate"
_ANOTHER_NAME = {62, 64}
"""Codes of OpenSSL: the host, or the IP address, is not in the certificate."""


async def of_server(endpoint: Endpoint, given: Mapping[str, str], now: datetime, soon: timedelta) -> Finding:
    """Check whether the certificate is trusted and how long it is valid; `soon` is a time that is too short."""
    host, port = first_address(endpoint.target)
    name = endpoint.tls.server_name if endpoint.tls else ""
    try:
        context = _context(given)
    except (OSError, ValueError) as unusable:
        return fault(SUBJECT, f"your files cannot be used: {unusable}", "check the options --tls-…")
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            _, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname=name or host)
    except ssl.SSLCertVerificationError as wrong:
        return fault(SUBJECT, f"{endpoint.target}: {wrong.verify_message}", _remedy(wrong.verify_code))
    except (OSError, ValueError, TimeoutError) as failed:
        return fault(SUBJECT, f"{endpoint.target}: {failed or 'no answer'}", "check that the api has TLS at this port")
    shown = writer.get_extra_info("peercert") or {}
    writer.transport.abort()
    return _lasting(str(shown.get("notAfter", "")), now, soon)


def first_address(target: str) -> tuple[str, str]:
    """Return the host and the port of a target, of several addresses those of the first; port may be anything."""
    first = target.removeprefix("dns:///").removeprefix("ipv4:").removeprefix("ipv6:").partition(",")[0]
    host, _, port = first.rpartition(":")
    return host.strip("[]"), port


def _remedy(verify_code: int) -> str:
    if verify_code in _ANOTHER_NAME:
        return "call the api by a name of its certificate, or give one of them, --tls-server-name"
    return "name its authority, --tls-authority, or renew it"


def _context(given: Mapping[str, str]) -> ssl.SSLContext:
    authority = given["tls_authority"]
    context = ssl.create_default_context(cafile=None if authority == "system" else authority)
    context.set_alpn_protocols(["h2"])
    if given["tls_certificate"]:
        context.load_cert_chain(given["tls_certificate"], given["tls_key"] or None)
    return context


def _lasting(not_after: str, now: datetime, soon: timedelta) -> Finding:
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(not_after), UTC)
    found = f"trusted, valid for {(ends - now).days} more days"
    if ends - now < soon:
        return warning(SUBJECT, found, "ask whoever runs the api to renew it")
    return ok(SUBJECT, found)
