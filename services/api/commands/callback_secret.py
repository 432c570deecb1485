"""The command that shows the secret with which a receiver verifies callbacks."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from services.api import tenants
from services.api.key_sources import file_of, is_file, named, read
from services.api.notify.signing import CallbackSecrets
from services.api.secrets.ring import KeyRing
from services.api.secrets.server_keys import ServerKeys
from services.api.settings import ApiSettings
from services.runtime.startup import CannotStart

DEFAULT_TENANT = "default"


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Print the secrets of a tenant as `whsec_` and base64, newest first, one per line; print their origin to `err`.

    The settings are those of the api, which may be running. The command creates nothing: it raises CannotStart if there
    is no key.
    """
    tenant = _parser().parse_args(arguments).tenant
    settings = ApiSettings.from_env(environ)
    configured = tenants.load(settings.tenants).callback_secrets.get(tenant, ())
    keys = ServerKeys(KeyRing(())) if configured else _existing_keys(settings)
    out.write("".join(f"{secret}\n" for secret in CallbackSecrets(keys, lambda _: configured).shown(tenant)))
    where = settings.tenants if configured else named(settings)
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


def _existing_keys(settings: ApiSettings) -> ServerKeys:
    file = file_of(settings).absolute()
    if is_file(settings) and not _is_there(file):
        raise CannotStart(
            f"there is no key in {file}: the api makes it at its first start; EXPORTD_DATA_DIR and "
            "EXPORTD_SECRET_KEY_FILE must be those of the api, and a relative path counts from this directory"
        )
    return ServerKeys(read(settings, make=False))


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # the error is reported when the file is read
        return True
