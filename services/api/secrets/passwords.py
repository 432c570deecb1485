"""Stored passwords of exports: encrypted with the server's key, and each bound to its export."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12


class PasswordUnreadable(Exception):
    """The password was sealed with another key or for another export, or is damaged."""


class Passwords:
    """Seals passwords with AES-256-GCM, with a key derived from the server's key `secret`."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(HKDF(SHA256(), 32, salt=None, info=b"exportd password").derive(secret))

    def sealed(self, password: str, export_id: str) -> bytes:
        """Return the password in the form that may be stored: a random nonce and the ciphertext."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, password.encode(), export_id.encode())

    def opened(self, sealed: bytes, export_id: str) -> str:
        """Return the password. Raises PasswordUnreadable."""
        try:
            plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], export_id.encode())
        except (InvalidTag, ValueError):
            raise PasswordUnreadable from None
        return plain.decode()
