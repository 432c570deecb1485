"""The command that shows the secret with which a receiver verifies callbacks."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from services.api import tenants
from services.api.notify.signing import CallbackSecrets
from services.api.settings import ApiSettings
from services.api.storage.datadir import key_file, secret_key
from services.runtime.startup import CannotStart, using

DEFAULT_TENANT = "default"


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Print the secrets of a tenant as `whsec_` and base64, newest first, one per line; print their origin to `err`.

    The settings are those of the api, which may be running. The command creates nothing: it raises CannotStart if there
    is no key.
    """
    tenant = _parser().parse_args(arguments).tenant
    settings = ApiSettings.from_env(environ)
    configured = tenants.load(settings.tenants).callback_secrets.get(tenant, ())
    key = b"" if configured else _existing_key(settings)
    out.write("".join(f"{secret}\n" for secret in CallbackSecrets(key, lambda _: configured).shown(tenant)))
    where = settings.tenants if configured else key_file(settings.data_dir, settings.secret_key_file).absolute()
    err.write(f"of the tenant {tenant}, {'from' if configured else 'derived from the key in'} {where}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="exportd-api callback-secret",
        description="Print the secret with which a receiver verifies callbacks. The settings are those of the api.",
    )
    parser.add_argument(
        "tenant", nargs="?", default=DEFAULT_TENANT, help=f"name of the tenant; default: {DEFAULT_TENANT}"
    )
    return parser


def _existing_key(settings: ApiSettings) -> bytes:
    file = key_file(settings.data_dir, settings.secret_key_file).absolute()
    if not _is_there(file):
        raise CannotStart(
            f"there is no key in {file}: the api makes it at its first start; EXPORTD_DATA_DIR and "
            "EXPORTD_SECRET_KEY_FILE must be those of the api, and a relative path counts from this directory"
        )
    with using("EXPORTD_SECRET_KEY_FILE" if settings.secret_key_file else "EXPORTD_DATA_DIR", file):
        return secret_key(file, make=False)


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # the error is reported when the file is read
        return True
