"""The public keys of a provider, each for the algorithms that it fits."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from services.api.oidc.strict_json import read_object

MAX_KEYS = 100
MAX_KEY_ID_CHARACTERS = 200
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192

_PUBLIC = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
"""The members of a public key by its type. Others, such as those of a private key, are not looked at."""

_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}
_NUMBER = re.compile("[A-Za-z0-9_-]{1,1400}")


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key with the only algorithm that it is used for. The key id is empty if it has none."""

    key_id: str
    algorithm: str
    members: Mapping[str, str] = field(repr=False, hash=False)
    public: jwt.PyJWK = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of a provider that can be used. `ignored` counts the others."""

    keys: tuple[VerificationKey, ...]
    ignored: int = 0

    def of(self, key_id: str, algorithm: str) -> Sequence[VerificationKey]:
        """Return the keys with which a token may be signed.

        If the token has no key id, there must be only one key for its algorithm.
        """
        fitting = [key for key in self.keys if key.algorithm == algorithm]
        if key_id:
            return [key for key in fitting if key.key_id == key_id]
        return fitting if len(fitting) == 1 else []

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the keys, apart from those that have none."""
        return frozenset(key.key_id for key in self.keys if key.key_id)

    def has(self, key_id: str, algorithm: str) -> bool:
        """Whether the set has the key that a token names, if only for another algorithm.

        For a token without a key id: whether there is only one that it can mean.
        """
        return any(key.key_id == key_id for key in self.keys) if key_id else bool(self.of(key_id, algorithm))


def read_keys(document: bytes, algorithms: Sequence[str]) -> KeySet:
    """Return the keys of a JWKS document that fit one of the algorithms.

    Raises ValueError if there are none, or if it is no such document.
    """
    keys = read_object(document).get("keys")
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise ValueError(f"it has no list of at most {MAX_KEYS} keys")
    usable = [list(_usable(each, algorithms)) for each in keys if isinstance(each, dict)]
    found = tuple(key for each in usable for key in each)
    if not found:
        raise ValueError(f"none of its {len(keys)} keys is for {', '.join(algorithms)}")
    return KeySet(found, ignored=len(keys) - sum(map(bool, usable)))


def _usable(jwk: Mapping[str, Any], algorithms: Sequence[str]) -> Iterator[VerificationKey]:
    """Yield the key once for each algorithm that it is for."""
    key_id, type_ = jwk.get("kid", ""), jwk.get("kty")
    named = isinstance(key_id, str) and len(key_id) <= MAX_KEY_ID_CHARACTERS
    if not named or type_ not in _PUBLIC or not _is_for_signatures(jwk):
        return
    members = {"kty": type_, **{name: jwk.get(name) for name in _PUBLIC[type_]}}
    if not all(isinstance(value, str) and _NUMBER.fullmatch(value) for value in members.values()):
        return
    for algorithm in algorithms:
        if jwk.get("alg", algorithm) == algorithm and _fits(members, algorithm):
            yield from _made(str(key_id), algorithm, members)


def _is_for_signatures(jwk: Mapping[str, Any]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _fits(members: Mapping[str, Any], algorithm: str) -> bool:
    curve = _CURVES.get(algorithm)
    if curve is None:
        return bool(members["kty"] == "RSA")
    return members.get("crv") == curve and members["kty"] == ("OKP" if algorithm == "EdDSA" else "EC")


def _made(key_id: str, algorithm: str, members: Mapping[str, str]) -> Iterator[VerificationKey]:
    try:
        public = jwt.PyJWK(dict(members), algorithm)
    except (PyJWTError, ValueError):
        return
    if members["kty"] != "RSA" or MIN_RSA_BITS <= public.key.key_size <= MAX_RSA_BITS:
        yield VerificationKey(key_id, algorithm, members, public)
