"""Settings of an OpenID Connect provider. This module imports no library for tokens."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from services.api.domain.keys import Scope
from services.runtime.settings import SettingsReader

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""All have a public key: with a shared secret, whoever can check tokens could make some."""

ALL_TENANTS = "all-tenants"
"""The word for the right to see other tenants, among the scopes."""

DEFAULT_SCOPES = ",".join(f"exportd:{right}={right}" for right in (*(each.value for each in Scope), ALL_TENANTS))
MAX_URL_CHARACTERS = 500

_CLAIM = re.compile("[!-~]{1,200}")
_NAME = re.compile("[!-+.-<>-~-]{1,200}")
"""Printable ASCII without space, comma and `=`."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What one name among the scopes of a token gives."""

    scopes: frozenset[Scope]
    all_tenants: bool = False


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """A provider, and what its tokens must and may say.

    A claim is a name, or a JSON pointer such as `/resource_access/exportd/roles`. If `collections_claim` is empty,
    tokens are for all collections. `scopes` are the rights by name. `kept` is how long keys of the provider are used
    after they were last read, `longest_life` how far ahead a token may expire.
    """

    issuer: str
    audiences: frozenset[str]
    algorithms: tuple[str, ...]
    jwks_url: str
    ca_file: Path | None
    tenant_claim: str
    scopes_claim: str
    scopes: Mapping[str, Rights]
    collections_claim: str
    clock_skew: timedelta
    longest_life: timedelta
    kept: timedelta

    @classmethod
    def read(cls, read: SettingsReader) -> "OidcSettings | None":
        """Read the settings; None means that there is no provider."""
        audience, https = read.text("EXPORTD_OIDC_AUDIENCE", ""), "an https URL without user and fragment"
        jwks_url = read.parsed("EXPORTD_OIDC_JWKS_URL", "", checked_url, https)
        settings = cls(
            issuer=(issuer := read.parsed("EXPORTD_OIDC_ISSUER", "", _issuer, f"{https}, and without query")),
            audiences=frozenset(_words(audience)),
            algorithms=read.parsed("EXPORTD_OIDC_ALGORITHMS", ("RS256",), _algorithms, f"of {', '.join(ALGORITHMS)}"),
            jwks_url=jwks_url,
            ca_file=read.optional_path("EXPORTD_OIDC_CA_FILE"),
            tenant_claim=_claim(read, "EXPORTD_OIDC_TENANT_CLAIM", read.text("EXPORTD_OIDC_TENANT_CLAIM", "tenant")),
            scopes_claim=_claim(read, "EXPORTD_OIDC_SCOPES_CLAIM", read.text("EXPORTD_OIDC_SCOPES_CLAIM", "scope")),
            scopes=_scopes(read, read.text("EXPORTD_OIDC_SCOPES", DEFAULT_SCOPES)),
            collections_claim=_claim(
                read, "EXPORTD_OIDC_COLLECTIONS_CLAIM", read.text("EXPORTD_OIDC_COLLECTIONS_CLAIM", "")
            ),
            clock_skew=read.seconds("EXPORTD_OIDC_CLOCK_SKEW_S", 30, 0, 300),
            longest_life=read.seconds("EXPORTD_OIDC_LONGEST_LIFE_S", 86400, 60, 7 * 86400),
            kept=read.seconds("EXPORTD_OIDC_KEYS_KEPT_S", 86400, 60, 7 * 86400),
        )
        if issuer and not settings.audiences:
            read.problem("EXPORTD_OIDC_AUDIENCE is not set: a token for another service must not be accepted here")
        if not read.text("EXPORTD_OIDC_ISSUER", "") and (audience or jwks_url):
            read.problem("EXPORTD_OIDC_ISSUER is not set: EXPORTD_OIDC_AUDIENCE and _JWKS_URL are of use with it only")
        return settings if issuer else None


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _issuer(text: str) -> str:
    if "?" in text:
        raise ValueError
    return checked_url(text)


def checked_url(text: str) -> str:
    """Return a URL of a provider. Raises ValueError if it is not https, or has a user or a fragment."""
    parts = urlsplit(text)
    written = len(text) <= MAX_URL_CHARACTERS and text.isascii() and text.isprintable() and " " not in text
    if not (written and parts.scheme == "https" and parts.hostname) or "@" in parts.netloc or "#" in text:
        raise ValueError
    if parts.port == 0:  # reading the port also checks it
        raise ValueError
    return text


def _algorithms(text: str) -> tuple[str, ...]:
    names = _words(text)
    if not names or not set(names) <= set(ALGORITHMS):
        raise ValueError
    return names


def _claim(read: SettingsReader, setting: str, text: str) -> str:
    if text and not _CLAIM.fullmatch(text):
        read.problem(f"{setting} is {text!r}: it must be the name of a claim, or a JSON pointer such as /org/id")
    return text


def _scopes(read: SettingsReader, text: str) -> Mapping[str, Rights]:
    try:
        return dict(map(_entry, _words(text)))
    except ValueError:
        words = ", ".join((*(each.value for each in Scope), ALL_TENANTS))
        read.problem(
            f"EXPORTD_OIDC_SCOPES is {text!r}: it must be like Exports.Read=read,Exports.Write=create cancel; "
            f"the words after = are of {words}"
        )
        return {}


def _entry(text: str) -> tuple[str, Rights]:
    name, _, rights = text.partition("=")
    words = rights.split()
    if not _NAME.fullmatch(name) or not words:
        raise ValueError
    return name, Rights(frozenset(Scope(word) for word in words if word != ALL_TENANTS), ALL_TENANTS in words)
