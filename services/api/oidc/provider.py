"""An OpenID Connect provider: where its keys are, and how they are read."""

from dataclasses import dataclass

from services.api.oidc.fetching import Fetcher, FetchFailed
from services.api.oidc.key_set import KeySet, read_keys
from services.api.oidc.settings import OidcSettings, checked_url
from services.api.oidc.strict_json import read_object

DISCOVERY = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Provider:
    """Reads the keys of a provider."""

    settings: OidcSettings
    fetcher: Fetcher

    async def keys(self) -> KeySet:
        """Return the keys of the provider as they are now. Raises FetchFailed."""
        url = self.settings.jwks_url or await self._discovered()
        document = await self._fetched(url)
        try:
            return read_keys(document, self.settings.algorithms)
        except ValueError as unusable:
            raise FetchFailed(f"{url}: {unusable}") from unusable

    async def _discovered(self) -> str:
        """Return the URL of the keys, which the provider's own document has."""
        place = self.settings.issuer.rstrip("/") + DISCOVERY
        try:
            document = read_object(await self._fetched(place))
        except ValueError as unusable:
            raise FetchFailed(f"{place}: {unusable}") from unusable
        if document.get("issuer") != self.settings.issuer:
            raise FetchFailed(f"{place} is of the issuer {str(document.get('issuer'))[:200]!r}")
        return _url_of(document.get("jwks_uri"), place)

    async def _fetched(self, url: str) -> bytes:
        try:
            return await self.fetcher.get(url)
        except FetchFailed as failed:
            raise FetchFailed(f"{url}: {failed}") from failed


def _url_of(named: object, place: str) -> str:
    try:
        return checked_url(named if isinstance(named, str) else "")
    except ValueError as unusable:
        raise FetchFailed(f"{place} has no https URL as jwks_uri") from unusable
