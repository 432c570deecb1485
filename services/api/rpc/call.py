"""What every call of a caller says about itself."""

from services.api.rpc import decode
from services.api.rpc.interceptor import TENANT_KEY, Context, metadata
from services.runtime import logs

DEFAULT_TENANT = "default"


def tenant_of(context: Context) -> str:
    """The tenant of a call, which its log line names from now on. Raises InvalidRequest."""
    tenant = decode.tenant(metadata(context, TENANT_KEY) or [DEFAULT_TENANT])
    logs.bind(tenant=tenant)
    return tenant


def export_id_of(text: str) -> str:
    """The export that a call names, as its log line does from now on. Raises InvalidRequest."""
    export_id = decode.identifier("export_id", text)
    logs.bind(export_id=export_id)
    return export_id
