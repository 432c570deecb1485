"""Seals the answers to previews, which pass through a database: they have rows of callers."""

import zlib

from services.api.secrets.sealing import SealBroken, Sealer
from services.api.secrets.server_keys import ServerKeys

MAX_ANSWER_BYTES = 4 << 20
"""Largest answer that is opened. It is larger than any that is accepted from a worker."""


class AnswerUnreadable(Exception):
    """The answer was sealed with another key or for another preview, or is damaged."""


class Answers:
    """Compresses and seals answers. Each is bound to its preview."""

    def __init__(self, keys: ServerKeys) -> None:
        self._sealer = Sealer(keys, b"exportd preview")

    def sealed(self, answer: bytes, question_id: str) -> bytes:
        """Return the sealed form of an answer."""
        return self._sealer.sealed(zlib.compress(answer, 1), question_id.encode())

    def opened(self, sealed: bytes, question_id: str) -> bytes:
        """Return the answer. Raises AnswerUnreadable."""
        try:
            packed = self._sealer.opened(sealed, question_id.encode())
            return zlib.decompressobj().decompress(packed, MAX_ANSWER_BYTES)
        except (SealBroken, zlib.error):
            raise AnswerUnreadable from None
