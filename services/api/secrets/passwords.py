"""Stored passwords of exports: encrypted with the server's key, and each bound to its export."""

from services.api.secrets.sealing import KeyUnknown, SealBroken, Sealer, key_of
from services.api.secrets.server_keys import ServerKeys


class PasswordUnreadable(Exception):
    """The password was sealed for another export or with a key that is gone, or is damaged."""


class PasswordKeyUnknown(PasswordUnreadable):
    """The server's key with which the password was sealed is not known to this process. Another one may know it."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"the server's key {key_id or 'first'} is not known to this process")
        self.key_id = key_id


class Passwords:
    """Seals passwords."""

    def __init__(self, keys: ServerKeys) -> None:
        self._sealer = Sealer(keys, b"exportd password")

    def sealed(self, password: str, export_id: str) -> bytes:
        """Return the password in the form that may be stored."""
        return self._sealer.sealed(password.encode(), export_id.encode())

    def opened(self, sealed: bytes, export_id: str) -> str:
        """Return the password. Raises PasswordUnreadable."""
        try:
            return self._sealer.opened(sealed, export_id.encode()).decode()
        except KeyUnknown:
            raise PasswordKeyUnknown(key_of(sealed)) from None
        except SealBroken:
            raise PasswordUnreadable from None

    def resealed(self, sealed: bytes, export_id: str) -> bytes:
        """Return the password sealed with the primary key. Raises PasswordUnreadable."""
        return self.sealed(self.opened(sealed, export_id), export_id)
