"""Which entries each method for callers makes. A method that is not here is refused by a test."""

from services.api.domain.audit import Action

NOTHING: frozenset[Action] = frozenset()
"""The method changes nothing, and sends no rows."""

ACTIONS: dict[str, frozenset[Action]] = {
    "/exportd.v1.ExportService/CancelExport": frozenset({Action.EXPORT_CANCELLED}),
    "/exportd.v1.ExportService/CreateExport": frozenset({Action.EXPORT_CREATED}),
    "/exportd.v1.ExportService/DeleteExport": frozenset({Action.EXPORT_DELETED}),
    "/exportd.v1.ExportService/DownloadFile": frozenset({Action.DOWNLOAD_STARTED, Action.DOWNLOAD_ENDED}),
    "/exportd.v1.ExportService/FindIds": NOTHING,
    "/exportd.v1.ExportService/GetCollection": NOTHING,
    "/exportd.v1.ExportService/GetDownloadUrl": frozenset({Action.DOWNLOAD_URL_ISSUED}),
    "/exportd.v1.ExportService/GetExport": NOTHING,
    "/exportd.v1.ExportService/GetFile": NOTHING,
    "/exportd.v1.ExportService/GetUsage": NOTHING,
    "/exportd.v1.ExportService/ListCollections": NOTHING,
    "/exportd.v1.ExportService/ListDeliveries": NOTHING,
    "/exportd.v1.ExportService/ListExports": NOTHING,
    "/exportd.v1.ExportService/ListTransitions": NOTHING,
    "/exportd.v1.ExportService/PreviewExport": frozenset({Action.ROWS_PREVIEWED}),
    "/exportd.v1.ExportService/WatchExport": NOTHING,
    "/exportd.v1.KeyService/CreateKey": frozenset({Action.KEY_CREATED}),
    "/exportd.v1.KeyService/ListKeys": NOTHING,
    "/exportd.v1.KeyService/RevokeKey": frozenset({Action.KEY_REVOKED}),
    "/exportd.v1.KeyService/RotateKey": frozenset({Action.KEY_ROTATED, Action.KEY_CREATED}),
    "/exportd.v1.LinkService/CreateDownloadLink": frozenset({Action.LINK_CREATED}),
    "/exportd.v1.LinkService/GetLinkedFile": NOTHING,
    "/exportd.v1.LinkService/ListDownloadLinks": NOTHING,
    "/exportd.v1.LinkService/RevokeDownloadLink": frozenset({Action.LINK_REVOKED}),
    "/exportd.v1.LinkService/UseDownloadLink": frozenset({Action.LINK_USED}),
    "/exportd.v1.OperatorService/DrainWorker": frozenset({Action.WORKER_DRAINED}),
    "/exportd.v1.OperatorService/GetQueue": NOTHING,
    "/exportd.v1.OperatorService/GetTenantUsage": NOTHING,
    "/exportd.v1.OperatorService/ListAuditEntries": NOTHING,
    "/exportd.v1.OperatorService/ListRunningExports": NOTHING,
    "/exportd.v1.OperatorService/ListWorkers": NOTHING,
    "/exportd.v1.OperatorService/RedeliverNotification": frozenset({Action.NOTIFICATION_RESENT}),
    "/exportd.v1.OperatorService/RetryExport": frozenset({Action.EXPORT_RETRIED}),
}
"""The actions for which each method makes entries. What workers do is in the history of their exports."""
