"""The command that shows what a receiver checks the signatures of callbacks with."""

from services.api import tenants
from services.api.notify.signing import CallbackSecrets
from services.api.settings import ApiSettings
from services.api.storage.datadir import secret_key
from services.api.storage.durable import make_private


def callback_secrets(settings: ApiSettings, tenant: str) -> list[str]:
    """A tenant's secrets as `whsec_` and base64, the newest first, while an api runs or not.

    Makes the data directory's key when there is none yet. Raises CannotStart, OSError.
    """
    make_private(settings.data_dir)
    key = secret_key(settings.data_dir, settings.secret_key_file)
    return CallbackSecrets(key, tenants.load(settings.tenants).callback_secrets).shown(tenant)
