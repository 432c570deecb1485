"""Which addresses of the Internet are public: what a name from outside may lead to."""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

_UNICAST = ipaddress.IPv6Network("2000::/3")
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_V4 = 0xFFFF_FFFF


Lookup = Callable[..., list[Any]]
"""As socket.getaddrinfo."""


class AddressRefused(Exception):
    """A host leads to an address that is not public."""


def is_public(address: str) -> bool:
    """Whether a numeric address belongs to the public Internet; one that carries an IPv4 address is as that one is."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved
    if parsed.ipv4_mapped or parsed in _TRANSLATED:
        return is_public(str(ipaddress.IPv4Address(int(parsed) & _V4)))
    # Tunnels (6to4, Teredo) lead to addresses of their own choice.
    return parsed in _UNICAST and parsed.is_global and not (parsed.sixtofour or parsed.teredo)


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
