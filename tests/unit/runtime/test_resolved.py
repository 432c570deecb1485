"""What the name of a host leads to, before anybody connects."""

import socket

import pytest

from services.runtime.addresses import AddressRefused, Lookup, resolved

PUBLIC, OTHER, PRIVATE = "93.184.216.34", "2606:2800:220:1::1", "10.0.0.1"


def answering(*addresses: str) -> Lookup:
    """A name server that gives these addresses, one of them twice."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 443)) for a in (*addresses, addresses[0])]
    return lambda *_, **__: found


def test_public_addresses_come_in_their_order_each_once() -> None:
    assert resolved("h", 443, allow_private=False, lookup=answering(OTHER, PUBLIC)) == [OTHER, PUBLIC]


@pytest.mark.parametrize(
    "addresses", [(PRIVATE,), (PUBLIC, PRIVATE), (PRIVATE, PUBLIC), ("::ffff:10.0.0.1",), ("::1",)]
)
def test_one_private_address_is_enough_to_refuse_a_host(addresses: tuple[str, ...]) -> None:
    lookup = answering(*addresses)
    with pytest.raises(AddressRefused):
        resolved("h", 443, allow_private=False, lookup=lookup)
    assert resolved("h", 443, allow_private=True, lookup=lookup) == list(addresses)


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "127.1", "localhost"])
def test_other_ways_to_write_loopback_are_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        resolved(host, 80, allow_private=False)
