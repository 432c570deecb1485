"""The claims of a token whose signature is right: whether it is valid here and now, and what it allows."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from services.api.domain.keys import Scope, is_pattern
from services.api.domain.tokens import MAX_SUBJECT_CHARACTERS, Token, rights
from services.api.oidc.settings import OidcSettings
from services.contract.errors import (
    TokenClaimUnusable,
    TokenExpired,
    TokenInvalid,
    TokenNotYetValid,
    TokenWrongAudience,
    TokenWrongIssuer,
)

MAX_COLLECTIONS = 100
MAX_AUDIENCES = 100
LAST_SECOND = 32_503_680_000
"""The year 3000. Times beyond it are no times."""

EVERYTHING = "*"
"""The pattern of all collections."""

_TENANT = re.compile("[A-Za-z0-9_.-]{1,64}")

Claims = Mapping[str, Any]


def check_issuer(claims: Claims, settings: OidcSettings) -> None:
    """Raise TokenWrongIssuer unless the token is of the provider."""
    if claims.get("iss") != settings.issuer:
        raise TokenWrongIssuer


def check_time(claims: Claims, settings: OidcSettings, now: datetime) -> None:
    """Raise TokenExpired or TokenNotYetValid unless the token is valid now, TokenInvalid if it does not say when."""
    moment, skew_s = now.timestamp(), settings.clock_skew.total_seconds()
    expires = _second(claims, "exp")
    if expires is None:
        raise TokenInvalid("it never expires")
    if moment >= expires + skew_s:
        raise TokenExpired
    begins = [second for name in ("nbf", "iat") if (second := _second(claims, name)) is not None]
    if any(moment + skew_s < second for second in begins):
        raise TokenNotYetValid
    if expires - moment > settings.longest_life.total_seconds() + skew_s:
        raise TokenInvalid("it expires later than this service allows")


def check_audience(claims: Claims, settings: OidcSettings) -> None:
    """Raise TokenWrongAudience unless the token is for this service."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    texts = [each for each in audiences if isinstance(each, str)]
    if len(texts) != len(audiences) or len(texts) > MAX_AUDIENCES or settings.audiences.isdisjoint(texts):
        raise TokenWrongAudience


def token_of(claims: Claims, settings: OidcSettings) -> Token:
    """Return what a valid token allows. Raises TokenInvalid, TokenClaimUnusable."""
    if "cnf" in claims:
        raise TokenInvalid("it is bound to a key of its holder, which this service cannot check")
    scopes, all_tenants = _rights(claims, settings)
    expires = (_second(claims, "exp") or 0) + settings.clock_skew.total_seconds()
    allowed = rights(
        _tenant(claims, settings),
        scopes,
        _collections(claims, settings),
        all_tenants=all_tenants,
        begins=_moment(_second(claims, "iat") or 0),
        ends=_moment(expires),
    )
    return Token(_subject(claims), allowed)


def _subject(claims: Claims) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARACTERS or not subject.isprintable():
        raise TokenClaimUnusable("sub", f"must be a text of 1 to {MAX_SUBJECT_CHARACTERS} printable characters")
    return subject


def _tenant(claims: Claims, settings: OidcSettings) -> str:
    tenant = _at(claims, settings.tenant_claim)
    if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant):
        raise TokenClaimUnusable(settings.tenant_claim, "must be a tenant: 1 to 64 letters, digits, _, . and -")
    return tenant


def _rights(claims: Claims, settings: OidcSettings) -> tuple[frozenset[Scope], bool]:
    """Return the scopes, and whether they reach all tenants. Names that the settings do not have are of no account."""
    given = [settings.scopes[name] for name in _texts(claims, settings.scopes_claim) if name in settings.scopes]
    return frozenset(scope for each in given for scope in each.scopes), any(each.all_tenants for each in given)


def _collections(claims: Claims, settings: OidcSettings) -> frozenset[str]:
    """Return the patterns; none if the token is for all collections, which it must say if there is a claim for it."""
    if not settings.collections_claim:
        return frozenset()
    patterns = _texts(claims, settings.collections_claim)
    if not 0 < len(patterns) <= MAX_COLLECTIONS or not all(map(is_pattern, patterns)):
        text = f"must have 1 to {MAX_COLLECTIONS} types of collections, in which * and ? may stand for characters"
        raise TokenClaimUnusable(settings.collections_claim, text)
    return frozenset() if EVERYTHING in patterns else frozenset(patterns)


def _texts(claims: Claims, claim: str) -> Sequence[str]:
    """Return the words of a text, or the texts of a list. Raises TokenClaimUnusable."""
    value = _at(claims, claim)
    if value is None:
        return []
    texts = value.split(" ") if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise TokenClaimUnusable(claim, "must be a text of words, or a list of texts")
    return [each for each in texts if each]


def _at(claims: Claims, claim: str) -> object:
    """Return the value of a claim, by its name or by a JSON pointer; None if there is none."""
    value: object = claims
    for name in _steps(claim):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _steps(claim: str) -> Iterator[str]:
    if not claim.startswith("/"):
        yield claim
        return
    for step in claim[1:].split("/"):
        yield step.replace("~1", "/").replace("~0", "~")


def _second(claims: Claims, name: str) -> float | None:
    """Return a time in seconds since 1970; None if the claim is absent. Raises TokenInvalid."""
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TokenInvalid(f"its time {name} is no number")
    if not math.isfinite(value) or not 0 <= value <= LAST_SECOND:
        raise TokenInvalid(f"its time {name} is out of range")
    return float(value)


def _moment(second: float) -> datetime:
    return datetime.fromtimestamp(second, UTC)
