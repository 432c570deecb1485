"""Looks up an export or a file by the id that a caller gives."""

from services.api.domain.export import Export, StoredFile
from services.api.ports.exports import ExportStore
from services.api.usecases.sight import is_seen
from services.contract.errors import ExportNotFound, FileNotFound


async def export_of(store: ExportStore, tenant: str, export_id: str) -> Export:
    """Return an export.

    Raises ExportNotFound, also for an export of another tenant or of a collection that the caller does not see.
    """
    export = await store.get(tenant, export_id)
    if export is None or not is_seen(export):
        raise ExportNotFound(export_id)
    return export


async def file_of(store: ExportStore, tenant: str, file_id: str) -> tuple[Export, StoredFile]:
    """Return a file and its export. Raises FileNotFound."""
    export = await store.get_by_file(tenant, file_id)
    file = export.file_of(file_id) if export else None
    if export is None or file is None or not is_seen(export):
        raise FileNotFound(file_id)
    return export, file
