"""Checks tokens, with a cache for thousands of calls a second."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.api.domain.tokens import Token
from services.api.oidc.claims import check_audience, check_issuer, check_time, token_of
from services.api.oidc.known_keys import ProviderKeys
from services.api.oidc.settings import OidcSettings
from services.api.oidc.signed import parsed

MAX_CHECKED = 10_000
"""Most tokens that a process caches."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """A token with a right signature, checked with the keys of this edition."""

    token: Token
    times: dict[str, Any]
    edition: int


class CheckedTokens:
    """Implements Tokens for one provider."""

    def __init__(self, settings: OidcSettings, keys: ProviderKeys, wall: Callable[[], datetime]) -> None:
        """`wall` is the time of day, as the provider has it."""
        self._settings = settings
        self._keys = keys
        self._wall = wall
        self._checked: dict[bytes, _Checked] = {}

    async def check(self, text: str) -> Token:
        """See Tokens."""
        digest = hashlib.sha256(text.encode()).digest()
        known = self._checked.get(digest)
        if known is None or known.edition != self._keys.edition or not self._keys.are_known:
            known = await self._check(text)
            self._remember(digest, known)
        else:
            check_time(known.times, self._settings, self._wall())
        return known.token

    async def _check(self, text: str) -> _Checked:
        signed = parsed(text, self._settings.algorithms)
        claims = signed.claims
        # First: tokens of others do not cause the keys to be read, and none outlives its time while they cannot be.
        check_issuer(claims, self._settings)
        check_time(claims, self._settings, self._wall())
        keys = await self._keys.of(signed.key_id, signed.algorithm)
        edition = self._keys.edition
        signed.check(keys)
        check_audience(claims, self._settings)
        times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
        return _Checked(token_of(claims, self._settings), times, edition)

    def _remember(self, digest: bytes, checked: _Checked) -> None:
        """Only valid tokens are cached, so that others cannot fill the memory."""
        if len(self._checked) >= MAX_CHECKED:
            self._checked.clear()
        self._checked[digest] = checked
