"""The command that shows what a receiver checks the signatures of callbacks with."""

from collections.abc import Sequence
from typing import TextIO

from services.api.notify.signing import CallbackSecrets

DEFAULT_TENANT = "default"


def run(arguments: Sequence[str], secrets: CallbackSecrets, out: TextIO) -> None:
    """Write the secrets of the tenant in `arguments` as `whsec_` and base64, the newest first, each on a line."""
    tenant = arguments[0] if arguments else DEFAULT_TENANT
    out.write("".join(f"{secret}\n" for secret in secrets.shown(tenant)))
