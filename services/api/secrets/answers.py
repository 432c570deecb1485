"""Seals the answers to previews, which pass through a database: they have rows of callers."""

import secrets
import zlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12

MAX_ANSWER_BYTES = 4 << 20
"""Largest answer that is opened. It is larger than any that is accepted from a worker."""


class AnswerUnreadable(Exception):
    """The answer was sealed with another key or for another preview, or is damaged."""


class Answers:
    """Compresses answers, and encrypts them with a key derived from the server's key `secret`.

    Each is bound to its preview.
    """

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(HKDF(SHA256(), 32, salt=None, info=b"exportd preview").derive(secret))

    def sealed(self, answer: bytes, question_id: str) -> bytes:
        """Return the sealed form of an answer."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, zlib.compress(answer, 1), question_id.encode())

    def opened(self, sealed: bytes, question_id: str) -> bytes:
        """Return the answer. Raises AnswerUnreadable."""
        try:
            packed = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], question_id.encode())
            return zlib.decompressobj().decompress(packed, MAX_ANSWER_BYTES)
        except (InvalidTag, ValueError, zlib.error):
            raise AnswerUnreadable from None
