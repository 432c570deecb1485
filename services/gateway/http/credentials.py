"""Who calls: the headers of a request with credentials, turned into metadata of the call.

The api decides. What could be read in two ways is refused here.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from exportd_client.errors import Violation
from services.gateway.http.problems import bad_credentials, invalid
from services.gateway.http.request_ids import request_id_of
from services.gateway.upstream.api import Caller

KEY = "X-Api-Key"
AUTHORIZATION = "Authorization"
TENANT = "X-Exportd-Tenant"
LINK = "X-Exportd-Link"

_KEY = re.compile("[!-~]{1,200}")
_BEARER = re.compile("[Bb]earer ([!-~]{1,8000})")
_TENANT = re.compile("[A-Za-z0-9_.-]{1,64}")
_OWN_SITES = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """Reads credentials. `is_local`: only this machine reaches the gateway, so that the api may ask for no key."""

    is_local: bool

    def of(self, request: web.Request) -> Caller:
        """Return the caller. Raises AccessRefused, InvalidArgument."""
        if link := _link(request):
            return caller_with_link(link, request)
        key = _key(request)
        if not key:
            self._check_without_key(request)
        tenant = _tenant(request) if self.is_local else ""
        request_id = request_id_of(request)
        pairs = (
            ("x-request-id", request_id),
            ("authorization", f"Bearer {key}" if key else ""),
            ("x-exportd-tenant", tenant),
        )
        return Caller(tuple((name, value) for name, value in pairs if value), request_id)

    def _check_without_key(self, request: web.Request) -> None:
        """Refuse a request without a key from another machine, or from a web page that a browser shows.

        The api would take it for one of this machine, because it comes from the gateway.
        """
        if not self.is_local:
            raise bad_credentials(f"an API key is needed: send it as {KEY} or as {AUTHORIZATION}: Bearer")
        if _is_of_a_page(request) or not _names_loopback(request.host):
            raise bad_credentials("a request of a web page, or to another name than localhost, needs an API key")


def caller_with_link(text: str, request: web.Request) -> Caller:
    """Return the caller that has a link, by its token or a ticket. Raises AccessRefused if it can be neither."""
    if not _KEY.fullmatch(text):
        raise bad_credentials(f"{LINK} is no download link")
    request_id = request_id_of(request)
    return Caller((("x-request-id", request_id), ("x-exportd-link", text)), request_id)


def _link(request: web.Request) -> str:
    """Return the only link of a request; empty if there is none."""
    links = request.headers.getall(LINK, [])
    if len(links) > 1 or (links and (KEY in request.headers or AUTHORIZATION in request.headers)):
        raise bad_credentials(f"there are several credentials: send one {LINK}, and no key")
    if links and not links[0]:
        raise bad_credentials(f"{LINK} is empty")
    return links[0] if links else ""


def _key(request: web.Request) -> str:
    """Return the only key or token of a request; empty if there is none."""
    keys, bearers = request.headers.getall(KEY, []), request.headers.getall(AUTHORIZATION, [])
    if len(keys) + len(bearers) > 1:
        raise bad_credentials(f"there are several credentials: send one {KEY} or one {AUTHORIZATION}")
    for text in keys:
        if not _KEY.fullmatch(text):
            raise bad_credentials(f"{KEY} is no API key")
        return text
    for text in bearers:
        found = _BEARER.fullmatch(text)
        if not found:
            raise bad_credentials(f"{AUTHORIZATION} must be: Bearer, a space, the API key or the token")
        return found[1]
    return ""


def _tenant(request: web.Request) -> str:
    tenants = request.headers.getall(TENANT, [])
    if len(tenants) > 1:
        raise invalid(Violation("x-exportd-tenant", f"is there {len(tenants)} times; give it once"))
    if tenants and not _TENANT.fullmatch(tenants[0]):
        raise invalid(Violation("x-exportd-tenant", "must be 1 to 64 letters, digits, _, . and -"))
    return "".join(tenants)


def _is_of_a_page(request: web.Request) -> bool:
    """Whether a browser sends the request for a page of another origin."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site not in _OWN_SITES:
        return True
    return origin is not None and urlsplit(origin).netloc != request.host


def _names_loopback(host: str) -> bool:
    """Whether the header Host names this machine. Another name may have been made to lead here, by a page's own DNS."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
