"""What every call of a caller says about itself."""

from services.api.rpc import decode
from services.api.rpc.gate import CALLER
from services.api.rpc.metadata import Context, metadata
from services.runtime import logs

TENANT_KEY = "x-exportd-tenant"
DEFAULT_TENANT = "default"


def tenant_of(context: Context) -> str:
    """The tenant of a call, which its log line names from now on: that of its key, whatever else the call says.

    Without a key the one that it names. Raises InvalidRequest.
    """
    key = CALLER.get().key
    tenant = key.tenant if key else decode.tenant(metadata(context, TENANT_KEY) or [DEFAULT_TENANT])
    logs.bind(tenant=tenant)
    return tenant


def export_id_of(text: str) -> str:
    """The export that a call names, as its log line does from now on. Raises InvalidRequest."""
    export_id = decode.identifier("export_id", text)
    logs.bind(export_id=export_id)
    return export_id
