"""Assembles the check of tokens."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.api.oidc.checked_tokens import CheckedTokens
from services.api.oidc.fetching import Fetcher, tls_context
from services.api.oidc.known_keys import ProviderKeys
from services.api.oidc.provider import Provider
from services.api.oidc.settings import OidcSettings


@dataclass(frozen=True, slots=True)
class OidcParts:
    """The check of tokens, and the keys that have to be read repeatedly beside it."""

    tokens: CheckedTokens
    keys: ProviderKeys


def provider(settings: OidcSettings) -> Provider:
    """Return the provider. Raises CannotUse if the file of its authorities is invalid."""
    return Provider(settings, Fetcher(tls_context(settings.ca_file)))


def oidc_parts(settings: OidcSettings, wall: Callable[[], datetime], monotonic: Callable[[], float]) -> OidcParts:
    """Return the parts for a provider. Raises CannotUse if the file of its authorities is invalid."""
    keys = ProviderKeys(provider(settings), settings.kept, monotonic)
    return OidcParts(CheckedTokens(settings, keys, wall), keys)
