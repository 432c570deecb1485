"""What a name from outside may lead to: which addresses of the Internet are public, and why TLS to one failed."""

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
"""Of IANA's special-purpose registries, what Python calls global, or does in some of its versions."""


Lookup = Callable[..., list[Any]]
"""As socket.getaddrinfo."""


class AddressRefused(Exception):
    """A host leads to an address that is not public."""


def is_public(address: str) -> bool:
    """Whether a numeric address belongs to the public Internet; one that carries an IPv4 address is as that one is."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if any(parsed in network for network in _SPECIAL if network.version == parsed.version):
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved
    if parsed.ipv4_mapped or parsed in _TRANSLATED:
        return is_public(str(ipaddress.IPv4Address(int(parsed) & _V4)))
    return parsed in _UNICAST and parsed.is_global


def numeric(host: str, port: int, lookup: Lookup = socket.getaddrinfo) -> list[str]:
    """The numeric addresses of a host, each once, in the order in which to try them. Raises OSError: it has none."""
    infos = lookup(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in infos))


def resolved(host: str, port: int, *, allow_private: bool, lookup: Lookup = socket.getaddrinfo) -> list[str]:
    """The numeric addresses of a host, in the order in which to try them, to be connected to as they are.

    Raises OSError when it has none, AddressRefused when one of them is not public, unless `allow_private`: a mix of
    both is what an attacker's name server answers.
    """
    addresses = numeric(host, port, lookup)
    if not allow_private and not all(is_public(address) for address in addresses):
        raise AddressRefused(host)
    return addresses


_MAX_REASON_CHARACTERS = 150


def tls_reason(problem: BaseException) -> str:
    """The reason of the first TLS error among a problem and what it wraps; empty: there is none.

    Such as "Basic Constraints of CA cert not marked critical". It names the host at most, and nothing that was sent.
    """
    for each in _wrapped(problem):
        if isinstance(each, ssl.SSLCertVerificationError):
            return (each.verify_message or "certificate verify failed")[:_MAX_REASON_CHARACTERS]
        if isinstance(each, ssl.SSLError):
            return (each.reason or "no reason given").replace("_", " ").lower()[:_MAX_REASON_CHARACTERS]
    return ""


def _wrapped(problem: BaseException) -> Iterator[BaseException]:
    """A problem, and those that it was made of: libraries keep them as a cause, a context, a reason or an argument."""
    waiting, seen = [problem], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [one for one in inner if isinstance(one, BaseException)]
