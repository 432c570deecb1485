"""The tenant and the export of a call, and what it can be told about the api."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from services.api.rpc import decode
from services.api.rpc.gate import CALLER
from services.api.rpc.metadata import Context, metadata
from services.api.world import World
from services.runtime import logs

TENANT_KEY = "x-exportd-tenant"
DEFAULT_TENANT = "default"

ABOUT_KEY = "x-exportd-about"
"""A call with this key in its metadata gets the others."""

TIME_KEY = "x-exportd-time"
VERSION_KEY = "x-exportd-version"
EXPIRE_TIME_KEY = "x-exportd-credential-expire-time"


def tenant_of(context: Context) -> str:
    """Return the tenant of a call, and add it to the call's log line.

    With an API key it is the tenant of the key, whatever the metadata says; without a key it is the one in the
    metadata. Raises InvalidRequest.
    """
    key = CALLER.get().key
    tenant = key.tenant if key else decode.tenant(metadata(context, TENANT_KEY) or [DEFAULT_TENANT])
    logs.bind(tenant=tenant)
    return tenant


def export_id_of(text: str) -> str:
    """Return the id of the export that a call names, and add it to the call's log line. Raises InvalidRequest."""
    export_id = decode.identifier("export_id", text)
    logs.bind(export_id=export_id)
    return export_id


def about(context: Context, world: World) -> tuple[tuple[str, str], ...]:
    """Return the time of day and the version of the api, and when the caller's key or token expires, if it does.

    Return nothing unless the call asks for it. The caller must have been admitted.
    """
    if not metadata(context, ABOUT_KEY):
        return ()
    key = CALLER.get().key
    ends = key.expire_time if key else None
    told = ((TIME_KEY, world.wall().isoformat()), (VERSION_KEY, _version()))
    return (*told, (EXPIRE_TIME_KEY, ends.isoformat())) if ends else told


@cache
def _version() -> str:
    try:
        return version("exportd")
    except PackageNotFoundError:
        return ""
