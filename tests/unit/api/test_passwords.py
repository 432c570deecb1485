import pytest

from services.api.domain.leases import Claimed
from services.api.requests.plan import CreateRequest
from services.api.secrets.passwords import Passwords, PasswordUnreadable
from services.api.secrets.server_keys import ServerKeys

PASSWORDS = Passwords(ServerKeys.of(bytes(32)))


@pytest.mark.parametrize("password", ["x", "contraseña 🔑", "a\0b", " " * 128])
def test_a_password_comes_back_as_it_went_in(password: str) -> None:
    assert PASSWORDS.opened(PASSWORDS.sealed(password, "export"), "export") == password


def test_sealed_it_shows_nothing_and_is_another_each_time() -> None:
    sealed = PASSWORDS.sealed("open sesame", "export")
    assert b"sesame" not in sealed
    assert sealed != PASSWORDS.sealed("open sesame", "export")


def test_it_opens_for_its_export_and_with_its_key_only() -> None:
    sealed = PASSWORDS.sealed("open sesame", "export")
    for passwords, export_id, stored in (
        (PASSWORDS, "another", sealed),
        (Passwords(ServerKeys.of(b"k" * 32)), "export", sealed),
        (PASSWORDS, "export", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (PASSWORDS, "export", sealed[:5]),
    ):
        with pytest.raises(PasswordUnreadable) as unreadable:
            passwords.opened(stored, export_id)
        assert "sesame" not in str(unreadable.value)


def test_no_repr_shows_it() -> None:
    request = CreateRequest(uri="/x", password="open sesame", body=b"open sesame")
    assert "sesame" not in repr(request)
    assert "sealed" not in repr(Claimed(None, "lease", None, sealed_password=b"sealed"))  # type: ignore[arg-type]
