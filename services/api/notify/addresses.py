"""Which URLs may be called back. The form is checked when an export is created, the addresses at each delivery."""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from yarl import URL

from services.runtime.addresses import is_public

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Ports = Sequence[range]

MAX_URL_CHARACTERS = 2048
HTTPS_ONLY: Ports = (range(443, 444),)

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*\.?"
)
# Forms that the system's resolver accepts as IPv4 addresses: 127.1, 2130706433, 0x7f000001, 0177.0.0.1.
_NUMERIC_END = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)\.?")


@dataclass(frozen=True, slots=True)
class AddressRules:
    """What an operator permits in addition to https on port 443 of public addresses."""

    networks: tuple[IPNetwork, ...] = ()
    ports: Ports = HTTPS_ONLY
    http: bool = False

    def mistakes(self, url: str) -> Iterator[str]:
        """Yield everything that is wrong with a URL, as far as this is known without a name lookup."""
        parsed = parse(url)
        if parsed is None:
            yield (
                f"must be a URL such as https://receiver.example/hook, of at most {MAX_URL_CHARACTERS} visible ASCII "
                "characters"
            )
            return
        if parsed.scheme not in (("https", "http") if self.http else ("https",)):
            yield "must begin with https://"
        elif not any(parsed.port in allowed for allowed in self.ports):
            yield f"must not name port {parsed.port}: this server calls back to {_listed(self.ports)} only"
        if "@" in parsed.raw_authority:
            yield "must not contain a user or a password"
        if "#" in url:
            yield "must not have a fragment"
        yield from self._host_mistakes(parsed)

    def permit(self, addresses: Sequence[str]) -> bool:
        """Whether a host with these addresses may be called: all are public, or all are permitted by the operator.

        A mix of both is refused, since an attacker's name server may answer with it.
        """
        return bool(addresses) and (all(map(is_public, addresses)) or all(map(self._in_networks, addresses)))

    def _host_mistakes(self, url: URL) -> Iterator[str]:
        host = (url.raw_host or "").lower()
        literal = literal_address(host)
        if literal is not None:
            if not self.permit([literal]):
                yield f"must not name {literal}: it is not a public address"
        elif "[" in url.raw_authority or _NUMERIC_END.fullmatch(host) or not _HOST_NAME.fullmatch(host):
            yield "must name a host, or an address in its usual form such as 192.0.2.1 or [2001:db8::1]"

    def _in_networks(self, address: str) -> bool:
        parsed = ipaddress.ip_address(address.partition("%")[0])
        plain = (isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped) or parsed
        return any(plain in network for network in self.networks)


def literal_address(host: str) -> str | None:
    """Return the host of a URL if it is an IP address in its usual form, otherwise None."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def parse(url: str) -> URL | None:
    """Parse a URL; return None if it is invalid.

    This is the parser of the HTTP client, too: two parsers might disagree about the host.
    """
    if len(url) > MAX_URL_CHARACTERS or not _VISIBLE.fullmatch(url):
        return None
    try:
        parsed = URL(url, encoded=True)
        whole = parsed.scheme and parsed.raw_host and parsed.port is not None
    except ValueError:
        return None
    return parsed if whole else None


def _listed(ports: Ports) -> str:
    return "port " + ", ".join(str(p.start) if len(p) == 1 else f"{p.start}-{p.stop - 1}" for p in ports)
