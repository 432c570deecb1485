"""Checks of the addresses that a host name from outside resolves to, and the reasons of TLS errors."""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

_UNICAST = ipaddress.IPv6Network("2000::/3")
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_V4 = 0xFFFF_FFFF
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            *("192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24"),
            *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
        ),
    )
)
"""Special-purpose networks of IANA's registries that Python, or some of its versions, considers global."""


Lookup = Callable[..., list[Any]]
"""A function like socket.getaddrinfo."""


class AddressRefused(Exception):
    """A host resolves to an address that is not public."""


def is_public(address: str) -> bool:
    """Whether a numeric address is in the public Internet.

    An address that contains an IPv4 address is judged by that one.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if any(parsed in network for network in _SPECIAL if network.version == parsed.version):
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved
    if parsed.ipv4_mapped or parsed in _TRANSLATED:
        return is_public(str(ipaddress.IPv4Address(int(parsed) & _V4)))
    return parsed in _UNICAST and parsed.is_global


def numeric(host: str, port: int, lookup: Lookup = socket.getaddrinfo) -> list[str]:
    """Return the numeric addresses of a host, each once, in the order to try them. Raises OSError when it has none."""
    infos = lookup(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in infos))


def resolved(host: str, port: int, *, allow_private: bool, lookup: Lookup = socket.getaddrinfo) -> list[str]:
    """Return the numeric addresses of a host in the order to try them. Connect to exactly these addresses.

    Raises OSError when the host has none, and AddressRefused when one of them is not public, unless `allow_private`. A
    mix of public and private addresses is typical of an attacker's name server.
    """
    addresses = numeric(host, port, lookup)
    if not allow_private and not all(is_public(address) for address in addresses):
        raise AddressRefused(host)
    return addresses


_MAX_REASON_CHARACTERS = 150


def tls_reason(problem: BaseException) -> str:
    """Return the reason of the first TLS error in an exception and those that it wraps. Empty when there is none.

    An example is "Basic Constraints of CA cert not marked critical". It may name the host, but contains no sent data.
    """
    for each in _wrapped(problem):
        if isinstance(each, ssl.SSLCertVerificationError):
            return (each.verify_message or "certificate verify failed")[:_MAX_REASON_CHARACTERS]
        if isinstance(each, ssl.SSLError):
            return (each.reason or "no reason given").replace("_", " ").lower()[:_MAX_REASON_CHARACTERS]
    return ""


def _wrapped(problem: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all exceptions that it wraps.

    Libraries store them as a cause, a context, a reason or an argument.
    """
    waiting, seen = [problem], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [one for one in inner if isinstance(one, BaseException)]
