"""The check of the identity provider: whether its keys can be read."""

import asyncio
from collections.abc import Iterator

from services.api.doctor.finding import Finding, fault, ok
from services.api.oidc.settings import OidcSettings
from services.api.settings import ApiSettings
from services.runtime.startup import CannotUse

SUBJECT = "identity provider"


def provider(settings: ApiSettings) -> Iterator[Finding]:
    """Read the keys of the provider, if the settings name one."""
    if settings.oidc is not None:
        yield _finding(settings.oidc)


def _finding(settings: OidcSettings) -> Finding:
    from services.api.oidc.fetching import FetchFailed  # noqa: PLC0415 - without a provider none of it is needed
    from services.api.oidc.parts import provider as provider_of  # noqa: PLC0415 - as above

    try:
        keys = asyncio.run(provider_of(settings).keys())
    except CannotUse as unusable:
        return fault(SUBJECT, str(unusable), "name a file of certificates in PEM")
    except FetchFailed as failed:
        return fault(
            SUBJECT,
            str(failed),
            "check EXPORTD_OIDC_ISSUER, EXPORTD_OIDC_JWKS_URL and EXPORTD_OIDC_CA_FILE, and the way to the provider",
        )
    algorithms = ", ".join(sorted({key.algorithm for key in keys.keys}))
    return ok(SUBJECT, f"{settings.issuer} has {len(keys.keys)} keys for {algorithms}; {keys.ignored} others")
