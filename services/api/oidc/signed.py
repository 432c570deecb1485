"""The text of a token: its shape, its header, its signature."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from services.api.oidc.key_set import MAX_KEY_ID_CHARACTERS, VerificationKey
from services.api.oidc.strict_json import read_object
from services.contract.errors import TokenInvalid

MAX_TOKEN_CHARACTERS = 8000
"""A header of HTTP has room for little more."""

_SHAPE = re.compile(r"([A-Za-z0-9_-]{1,4000})\.([A-Za-z0-9_-]{1,8000})\.([A-Za-z0-9_-]{1,2000})")
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
"""Types of tokens for access. Others, such as those for a logout, are signed with the same keys."""

_OF_ID_TOKENS = {"at_hash", "c_hash"}
"""Claims of tokens that say who has signed in. For some providers their audience may be that of this service."""

_VERIFIER = jwt.PyJWS(options={"enforce_minimum_key_length": True})


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token whose signature is not checked yet. What it claims is worth nothing until then."""

    text: str = field(repr=False)
    algorithm: str
    key_id: str
    claims: Mapping[str, Any] = field(repr=False)

    def check(self, keys: Sequence[VerificationKey]) -> None:
        """Raise TokenInvalid unless one of the keys has signed the token. The keys are for its algorithm."""
        if not keys:
            raise TokenInvalid("its signing key is not among those of the provider")
        if not any(self._is_signed_with(key) for key in keys):
            raise TokenInvalid("its signature is wrong")

    def _is_signed_with(self, key: VerificationKey) -> bool:
        try:
            _VERIFIER.decode_complete(self.text, key.public, [key.algorithm])
        except (PyJWTError, ValueError, RecursionError):
            return False
        return True


def parsed(text: str, algorithms: Sequence[str]) -> SignedToken:
    """Return the parts of a token that uses one of the algorithms. Raises TokenInvalid."""
    shape = _SHAPE.fullmatch(text) if len(text) <= MAX_TOKEN_CHARACTERS else None
    if shape is None:
        raise TokenInvalid("it is no signed token (JWT)")
    try:
        header, claims = (read_object(_decoded(part)) for part in shape.group(1, 2))
    except ValueError as malformed:
        raise TokenInvalid("it is malformed") from malformed
    if header.get("alg") not in algorithms:
        raise TokenInvalid("its algorithm is not one that this service accepts")
    if "crit" in header or "b64" in header:
        raise TokenInvalid("it needs an extension that this service does not have")
    if not _is_for_access(header.get("typ", "JWT")) or _OF_ID_TOKENS & claims.keys():
        raise TokenInvalid("it is of another type than those for access")
    return SignedToken(text, header["alg"], _key_id(header), claims)


def _key_id(header: Mapping[str, Any]) -> str:
    key_id = header.get("kid", "")
    if not isinstance(key_id, str) or len(key_id) > MAX_KEY_ID_CHARACTERS:
        raise TokenInvalid("it is malformed")
    return key_id


def _is_for_access(type_: object) -> bool:
    return isinstance(type_, str) and type_.lower() in _TYPES


def _decoded(part: str) -> bytes:
    """Return the bytes of base64url without padding. Raises ValueError if another text has the same bytes."""
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != part:
        raise ValueError("it is not in canonical form")
    return data
