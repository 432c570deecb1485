"""Whose a connection is, as far as its address tells."""

import asyncio
from ipaddress import IPv6Address, ip_address, ip_network

HOLDER_BITS = 64
"""An IPv6 address is one of the 2**64 that its holder has at least."""


def holder_of(transport: asyncio.BaseTransport) -> str:
    """Return the address of the other end, or its network for IPv6; empty if it has none."""
    peer = transport.get_extra_info("peername")
    return _holder(peer[0]) if isinstance(peer, tuple) and peer else ""


def _holder(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if not isinstance(address, IPv6Address):
        return text
    mapped = address.ipv4_mapped
    return str(mapped) if mapped else str(ip_network((int(address), HOLDER_BITS), strict=False))
