"""GMAC of files, which both services compute.

SHA-256 processes 1.3 GB/s, GMAC 25 GB/s. With it the api finds out whether the bytes in the store are those that the
worker hashed, without hashing them again.
"""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import AEADEncryptionContext

_NONCE = bytes(12)


class Gmac:
    """Computes the GMAC of an object from its bytes, given in order.

    The key follows from the object's key in the store, so the bytes of another object do not pass for these. It is no
    secret between the two services: other bytes, which nobody chose on purpose, have the same code with a probability
    of 2^-90.
    """

    def __init__(self, object_key: str) -> None:
        from cryptography.hazmat.primitives.ciphers import (  # noqa: PLC0415 - the worker starts without it
            Cipher,
            algorithms,
            modes,
        )

        key = algorithms.AES(hashlib.sha256(object_key.encode()).digest())
        self._code: AEADEncryptionContext = Cipher(key, modes.GCM(_NONCE)).encryptor()

    def update(self, data: bytes | memoryview) -> None:
        """Add the next bytes."""
        self._code.authenticate_additional_data(memoryview(data).cast("B"))  # it refuses the signed bytes of Arrow

    def hexdigest(self) -> str:
        """Return the code as 32 hexadecimal digits. Must be called once, at the end."""
        self._code.finalize()
        return self._code.tag.hex()
