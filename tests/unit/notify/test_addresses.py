"""Which URLs are taken, and which addresses are connected to."""

import ipaddress

import pytest

from services.api.notify.addresses import AddressRules
from services.runtime.addresses import is_public

RULES = AddressRules()
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
OPEN = AddressRules(networks=(LOOPBACK,), ports=(range(443, 444), range(8000, 9000)), http=True)

NOT_PUBLIC = [
    "127.0.0.1",
    "0.0.0.0",  # noqa: S104 - nothing is bound
    "10.1.2.3",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:100.64.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b:1::808:808",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "100::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)
    assert not RULES.permit([address])
    host = f"[{address}]" if ":" in address else address
    assert any("not a public address" in mistake for mistake in RULES.mistakes(f"https://{host}/hook"))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address: str) -> None:
    assert RULES.permit([address])
    host = f"[{address}]" if ":" in address else address
    assert list(RULES.mistakes(f"https://{host}/hook")) == []


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0X7F.1", "127.1", "127.0.1", "0177.0.0.1", "127.0.0.1.", "0x7f.0.0.1", "1.2.3.04"],
)
def test_other_ways_to_write_an_address_are_refused(host: str) -> None:
    assert any("usual form" in mistake for mistake in OPEN.mistakes(f"https://{host}/"))


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example",
        "https://receiver.example/hook?token=a%20b&x=1",
        "https://xn--mnchen-3ya.example/",
        "HTTPS://Receiver.Example:443/",
        "https://receiver.example./",
        "https://a_b.example/",
        "https://3com.example/",
        "https://receiver.example/[x]",
    ],
)
def test_an_ordinary_url_is_taken(url: str) -> None:
    assert list(RULES.mistakes(url)) == []


@pytest.mark.parametrize(
    ("url", "mistake"),
    [
        ("http://receiver.example/", "https://"),
        ("ftp://receiver.example/", "https://"),
        ("file:///etc/passwd", "must be a URL"),
        ("//receiver.example/", "must be a URL"),
        ("receiver.example/hook", "must be a URL"),
        ("https:///hook", "must be a URL"),
        ("https://user@receiver.example/", "user"),
        ("https://user:secret@receiver.example/", "user"),
        ("https://@receiver.example/", "user"),
        ("https://receiver.example:8443/", "port 8443"),
        ("https://receiver.example:0/", "port 0"),
        ("https://receiver.example:99999/", "must be a URL"),
        ("https://receiver.example/#part", "fragment"),
        ("https://receiver.example/\r\nx-header: 1", "must be a URL"),
        ("https://receiver.example/a b", "must be a URL"),
        ("https://\uff11\uff12\uff17.0.0.1/", "must be a URL"),
        ("https://münchen.example/", "must be a URL"),
        ("https://receiver.example\\@evil.example/", "must be a URL"),
        ("https://-a.example/", "must name a host"),
        ("https://a..example/", "must name a host"),
        ("https://%31%32%37.0.0.1/", "must name a host"),
        ("https://[v1.x]/", "must name a host"),
        ("https://" + "a" * 64 + ".example/", "must name a host"),
        ("https://receiver.example/" + "a" * 2048, "must be a URL"),
    ],
)
def test_a_url_that_is_not_taken_is_told_why(url: str, mistake: str) -> None:
    assert any(mistake in found for found in RULES.mistakes(url))


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(list(RULES.mistakes("http://user@127.0.0.1:99/#x"))) == 4


def test_an_operator_opens_networks_ports_and_http() -> None:
    assert list(OPEN.mistakes("http://127.0.0.1:8080/hook")) == []
    assert list(OPEN.mistakes("http://[::ffff:127.0.0.1]:8080/hook")) == []
    assert list(OPEN.mistakes("http://10.0.0.1:8080/hook")) != []
    assert list(OPEN.mistakes("http://127.0.0.1:9000/hook")) != []


def test_a_mix_of_public_and_private_addresses_is_refused_even_where_both_are_permitted() -> None:
    assert not RULES.permit(["8.8.8.8", "10.0.0.1"])
    assert not OPEN.permit(["8.8.8.8", "127.0.0.1"])
    assert OPEN.permit(["127.0.0.1", "127.0.0.2"])


def test_a_host_without_addresses_is_not_permitted() -> None:
    assert not RULES.permit([])
