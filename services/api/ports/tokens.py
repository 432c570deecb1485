"""The check of tokens of an identity provider."""

from typing import Protocol

from services.api.domain.tokens import Token


class Tokens(Protocol):
    """Checks tokens."""

    async def check(self, text: str) -> Token:
        """Return what a token proves now.

        Raises TokenInvalid, TokenExpired, TokenNotYetValid, TokenWrongIssuer, TokenWrongAudience, TokenClaimUnusable,
        or ProviderUnavailable if the keys of the provider are not known.
        """
        ...
