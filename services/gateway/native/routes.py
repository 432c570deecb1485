"""The routes of the native door: one for each method of exportd.v1, and three for a download."""

from dataclasses import dataclass

_EXPORT = "/v1/exports/{export_id}"


@dataclass(frozen=True, slots=True)
class Route:
    """A route. The names in its path are fields of the request; the others are in the query, or in the body."""

    verb: str
    path: str
    method: str

    @property
    def has_body(self) -> bool:
        """Whether the rest of the request is in the body. Otherwise it is in the query."""
        return self.verb == "POST"

    @property
    def has_query(self) -> bool:
        """Whether the query has fields of the request. Which part of a file is sent is said by headers."""
        return not self.has_body and self.method not in ("DownloadFile", "GetDownloadUrl")


ROUTES = (
    Route("POST", "/v1/exports", "CreateExport"),
    Route("POST", "/v1/exports:preview", "PreviewExport"),
    Route("GET", "/v1/exports", "ListExports"),
    Route("GET", _EXPORT, "GetExport"),
    Route("DELETE", _EXPORT, "DeleteExport"),
    Route("GET", f"{_EXPORT}:watch", "WatchExport"),
    Route("POST", f"{_EXPORT}:cancel", "CancelExport"),
    Route("GET", f"{_EXPORT}/transitions", "ListTransitions"),
    Route("GET", f"{_EXPORT}/deliveries", "ListDeliveries"),
    Route("GET", f"{_EXPORT}/content", "DownloadFile"),
    Route("GET", f"{_EXPORT}/download-url", "GetDownloadUrl"),
    Route("GET", "/v1/files/{file_id}", "GetFile"),
    Route("GET", "/v1/files/{file_id}/content", "DownloadFile"),
    Route("GET", "/v1/files/{file_id}/download-url", "GetDownloadUrl"),
    Route("GET", "/v1/collections", "ListCollections"),
    Route("GET", "/v1/collections/{type}", "GetCollection"),
    Route("GET", "/v1/ids", "FindIds"),
    Route("GET", "/v1/usage", "GetUsage"),
    Route("GET", "/v1/tenant-usage", "GetTenantUsage"),
    Route("POST", "/v1/links", "CreateDownloadLink"),
    Route("GET", f"{_EXPORT}/links", "ListDownloadLinks"),
    Route("POST", "/v1/links/{link_id}:revoke", "RevokeDownloadLink"),
    Route("GET", "/v1/linked-file", "GetLinkedFile"),
    Route("POST", "/v1/linked-file:use", "UseDownloadLink"),
    Route("GET", "/v1/linked-file/content", "DownloadFile"),
    Route("POST", f"{_EXPORT}:retry", "RetryExport"),
    Route("POST", "/v1/deliveries/{delivery_id}:redeliver", "RedeliverNotification"),
    Route("GET", "/v1/queue", "GetQueue"),
    Route("GET", "/v1/running-exports", "ListRunningExports"),
    Route("GET", "/v1/audit-entries", "ListAuditEntries"),
    Route("GET", "/v1/workers", "ListWorkers"),
    Route("POST", "/v1/workers/{worker_id}:drain", "DrainWorker"),
    Route("POST", "/v1/keys", "CreateKey"),
    Route("GET", "/v1/keys", "ListKeys"),
    Route("POST", "/v1/keys/{key_id}:revoke", "RevokeKey"),
    Route("POST", "/v1/keys/{key_id}:rotate", "RotateKey"),
)
