"""Who runs a command on the machine of the store, as the audit trail names it."""

import os
import pwd

from services.api.domain.audit import Origin
from services.api.world import World


def local_origin() -> Origin:
    """Return the user of this process, whatever the environment says, with a request id for this run."""
    return Origin(f"local:{_user()}", World().new_id())


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a user without a name
        return str(os.getuid())
