import base64
import io
from pathlib import Path

import pytest

from services.api.commands import callback_secret
from services.api.storage.datadir import DataDirectory, key_file, secret_key
from services.runtime.startup import CannotStart

OWN = "whsec_" + base64.b64encode(b"a secret of 32 bytes, not random").decode()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data directory of an api that was started once."""
    with DataDirectory.open(tmp_path / "data") as directory:
        secret_key(key_file(directory.path, None), make=True)
    return tmp_path / "data"


def shown(data: Path, *arguments: str, **more: str) -> tuple[list[str], str]:
    """The secrets, and what is said beside them."""
    out, err = io.StringIO(), io.StringIO()
    environ = {"EXPORTD_CATALOG": "c", "EXPORTD_DATA_DIR": str(data)} | more
    assert callback_secret.run(arguments, environ, out, err) == 0
    return out.getvalue().splitlines(), err.getvalue()


def test_the_secret_of_a_tenant_stays_and_is_its_own(data: Path) -> None:
    (secret,), said = shown(data)
    assert str(data / "secret.key") in said
    with DataDirectory.open(data):  # as while an api runs
        assert shown(data)[0] == [secret]
    assert shown(data, "acme")[0] != [secret]


def test_a_tenant_with_secrets_of_its_own_has_those_and_needs_no_key(tmp_path: Path) -> None:
    tenants = tmp_path / "tenants.toml"
    tenants.write_text(f'[tenants.acme]\ncallback_secrets = ["{OWN}"]\n')
    secrets, said = shown(tmp_path / "nowhere", "acme", EXPORTD_TENANTS=str(tenants))
    assert secrets == [OWN]
    assert str(tenants) in said


def test_without_a_key_it_names_where_it_looked_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CannotStart) as refused:
        shown(tmp_path / "elsewhere")
    assert str(tmp_path / "elsewhere" / "secret.key") in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_that_is_named_and_is_not_there_is_named_too(data: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotStart) as refused:
        shown(data, EXPORTD_SECRET_KEY_FILE=str(tmp_path / "given.key"))
    assert str(tmp_path / "given.key") in str(refused.value)


def test_a_key_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "data" / "secret.key").mkdir(parents=True)
    with pytest.raises(CannotStart, match=r"secret\.key cannot be used: Is a directory"):
        shown(tmp_path / "data")
