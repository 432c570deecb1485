import base64
import io
from pathlib import Path

from services.api.app import callback_secrets
from services.api.commands import callback_secret
from services.api.settings import ApiSettings
from services.api.storage.datadir import DataDirectory

OWN = "whsec_" + base64.b64encode(b"a secret of 32 bytes, not random").decode()


def settings(directory: Path, **more: str) -> ApiSettings:
    return ApiSettings.from_env({"EXPORTD_CATALOG": "c", "EXPORTD_DATA_DIR": str(directory / "data")} | more)


def shown(settings: ApiSettings, *arguments: str) -> list[str]:
    out = io.StringIO()
    callback_secret.run(arguments, callback_secrets(settings), out)
    return out.getvalue().splitlines()


def test_a_newcomer_sees_the_secret_before_the_first_start_and_it_stays(tmp_path: Path) -> None:
    (secret,) = shown(settings(tmp_path))
    with DataDirectory.open(tmp_path / "data"):  # as while an api runs
        assert shown(settings(tmp_path)) == [secret]
    assert shown(settings(tmp_path), "acme") != [secret]


def test_a_tenant_with_secrets_of_its_own_has_those(tmp_path: Path) -> None:
    (tmp_path / "tenants.toml").write_text(f'[tenants.acme]\ncallback_secrets = ["{OWN}"]\n')
    given = settings(tmp_path, EXPORTD_TENANTS=str(tmp_path / "tenants.toml"))
    assert shown(given, "acme") == [OWN]
