"""The tenant and the export of a call."""

from services.api.rpc import decode
from services.api.rpc.gate import CALLER
from services.api.rpc.metadata import Context, metadata
from services.runtime import logs

TENANT_KEY = "x-exportd-tenant"
DEFAULT_TENANT = "default"


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
