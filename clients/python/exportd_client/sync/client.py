# Made of exportd_client/aio/client.py by `make proto`: change that one.
"""SyncExportClient: the public API in Python."""

import uuid
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Self

from exportd.v1.export_pb2 import (
    FILTER_MODE_LENIENT,
    FILTER_MODE_UNSPECIFIED,
    CsvOptions,
    Delivery,
    Export,
    Transition,
    XlsxOptions,
)
from exportd.v1.export_service_pb2 import (
    COLLECTION_VIEW_BASIC,
    COLLECTION_VIEW_FULL,
    CancelExportRequest,
    Collection,
    CreateExportRequest,
    DeleteExportRequest,
    FindIdsRequest,
    GetCollectionRequest,
    GetExportRequest,
    GetUsageRequest,
    IdMatch,
    ListCollectionsRequest,
    ListDeliveriesRequest,
    ListExportsRequest,
    ListTransitionsRequest,
    PreviewExportRequest,
    PreviewExportResponse,
    Usage,
    WatchExportRequest,
)
from exportd_client import conversions
from exportd_client.channel import ApiKey, Target, Tls, endpoint
from exportd_client.conversions import ColumnChoice, CompressionName, FormatName, PackagingName
from exportd_client.enums import StateName, value_of
from exportd_client.errors import ExportdError
from exportd_client.patience import Outage, Patience
from exportd_client.sync.connection import MAX_PAGE_SIZE, MAX_STREAM_S, Link
from exportd_client.sync.download_links import SyncDownloadLinks
from exportd_client.sync.files import Files
from exportd_client.sync.keys import SyncKeys
from exportd_client.sync.operator import SyncOperator
from exportd_client.sync.threads import sleep


class SyncExportClient(Files):
    """Calls one exportd service on behalf of one tenant; `with` opens and closes it.

    target: "host:port"; the default port is 50051. "dns:///host:port" resolves a name to all its addresses. Several IP
        addresses may be given; calls then go to each in turn, skipping those that do not answer.
    tenant: the owner of the exports; None: that of the API key or the token, or "default" without both.
    tls: True, or a Tls with certificates of your own; False: not encrypted.
    api_key: the key, or a function that returns the current key. It is sent only over TLS or on this machine.
    token: a token of an identity provider instead of a key, or a function that returns one that has not expired. The
        function is called before each call. A watch or download whose token expires is resumed with the next one.
    timeout: seconds that a call with a single answer may take. A stream ends after an hour and is resumed.
    patience: how long calls are retried while the service does not answer. All calls that are retried are safe to
        repeat.

    Every method raises ExportdError: Unreachable if the service does not answer, InvalidArgument for an invalid
    request. The constructor raises ValueError if an argument is invalid.
    """

    def __init__(
        self,
        target: Target = "127.0.0.1:50051",
        tenant: str | None = None,
        *,
        tls: Tls | bool = False,
        api_key: ApiKey = "",
        token: ApiKey = "",
        timeout: float = 30.0,
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(Link(endpoint(target, tenant, tls, api_key, token), patience, timeout))
        self.target = self._link.target
        """The address of the service, with its port."""
        self.operator = SyncOperator(self._link)
        """The methods for operators, over the same connection."""
        self.keys = SyncKeys(self._link)
        """The methods for API keys, over the same connection."""
        self.links = SyncDownloadLinks(self._link)
        """The methods for download links, over the same connection."""

    def __enter__(self) -> Self:
        self._link.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all running calls and close the connection, as leaving `with` does. May be repeated."""
        self._link.close()

    def create(
        self,
        uri: str | None = None,
        *,
        type: str | None = None,  # noqa: A002 - the API's word
        query: str = "",
        format: FormatName | None = None,  # noqa: A002 - the API's word
        file_types: Sequence[str] = (),
        columns: Sequence[ColumnChoice] = (),
        time_zone: str | None = None,
        csv: CsvOptions | None = None,
        xlsx: XlsxOptions | None = None,
        compression: CompressionName | None = None,
        packaging: PackagingName | None = None,
        password: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int = 0,
        notify_email: str = "",
        callback_url: str = "",
        max_attempts: int = 0,
        ttl: timedelta | None = None,
        filename: str = "",
        lenient: bool = False,
        changed_since: datetime | None = None,
        since_export: str = "",
        validate_only: bool = False,
        request_id: str | None = None,
    ) -> Export:
        """Create an export and return it immediately, in the state QUEUED.

        Name the collection by `uri` ("/entities/42/invoices?issuedAt[after]=…") or by `type` ("Invoices") with an
        optional `query`.

        format: the format of the table; None: JSON.
        file_types: types of attachments to bundle.
        columns: fields ("issuedAt"), each alone or with its header ("issuedAt", "Issued at"); empty: all.
        time_zone: the IANA name of the zone of times in the file and of dates without an offset in the query; None:
            UTC.
        csv, xlsx: how that format is written; allowed with that format only.
        compression: the compression of a bare CSV, JSON or JSONL file.
        packaging: None or "auto": the bare table or, with a password or file_types, one ZIP. "zip": always one ZIP.
            "separate": the table as `file` and the attachments as `attachments_file` of the export; not allowed with a
            password.
        password: 1 to 99 bytes of UTF-8 that encrypt the ZIP; None: not encrypted.

        priority: 0 to 9; among the tenant's own exports higher ones come first.
        notify_email, callback_url: where to send a notification when the export is done.
        max_attempts: 1 to 10; 0: 3.
        ttl: how long the file can be downloaded, 1 minute to 90 days; None: 7 days.
        filename: a suggested name of the file; empty: derived from its id.
        lenient: drop invalid query parameters, with a warning for each, instead of raising InvalidArgument.
        changed_since: export only rows changed at or after this time; without a time zone it is in UTC.
        since_export: export only rows changed since the export with this id was built.
        validate_only: dry run; the returned export has no id and shows the request as understood, with its warnings.
        request_id: the same id with the same request returns the same export within 24 h. None: a new id, so that the
            call can be retried safely if the connection breaks.

        Raises NotFound if there is no such collection, AlreadyExists if request_id was used for another request.
        """
        try:
            request = CreateExportRequest(
                query=query,
                format=conversions.format_value(format),
                file_types=file_types,
                columns=conversions.columns_of(columns),
                time_zone=time_zone or "",
                csv=csv,
                xlsx=xlsx,
                compression=conversions.compression_value(compression),
                packaging=conversions.packaging_value(packaging),
                password=conversions.password_text(password),
                labels=labels or {},
                priority=priority,
                notify_email=notify_email,
                callback_url=callback_url,
                max_attempts=max_attempts,
                ttl=conversions.duration(ttl),
                filename=filename,
                filter_mode=FILTER_MODE_LENIENT if lenient else FILTER_MODE_UNSPECIFIED,
                changed_since=conversions.timestamp(changed_since),
                since_export=since_export,
                validate_only=validate_only,
                request_id=_request_id(request_id, validate_only=validate_only),
            )
            _name_collection(request, uri, type)
        except (TypeError, ValueError) as error:  # protobuf cannot encode the value
            raise conversions.invalid("", str(error)) from error
        return self._link.ask(self._link.stub.CreateExport, request)

    def get(self, export_id: str) -> Export:
        """Return the export as it is now."""
        return self._link.ask(self._link.stub.GetExport, GetExportRequest(export_id=export_id))

    def list(
        self,
        *,
        states: Iterable[StateName] = (),
        type: str = "",  # noqa: A002 - the API's word
        labels: Mapping[str, str] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        page_size: int = 0,
    ) -> Generator[Export]:
        """Yield the tenant's exports that match all given conditions, newest first.

        Pages are fetched as they are needed.

        created_after: created at or after this time; without a time zone it is in UTC.
        created_before: created before this time; without a time zone it is in UTC.
        page_size: exports per page; 0: 50.
        """
        request = ListExportsRequest(
            states=[value_of(Export.State, state) for state in states],
            type=type,
            labels=labels or {},
            created_after=conversions.timestamp(created_after),
            created_before=conversions.timestamp(created_before),
            page_size=page_size,
        )
        for page in self._link.pages(self._link.stub.ListExports, request):
            for export in page.exports:
                yield export

    def watch(self, export_id: str, *, timeout: float | None = None) -> Generator[Export]:
        """Yield the export as it is now, then again after each change and new progress, until it is done.

        The watch is resumed if the connection breaks. To end it early, leave the loop inside contextlib.closing, which
        ends the call immediately.

        timeout: seconds in all; None: no limit.

        Raises NotFound, also if the export is deleted meanwhile, and DeadlineExceeded if it is not done in time.
        """
        outage = Outage(self._link, timeout)
        last: Export | None = None
        while last is None or not last.done:
            try:
                with closing(self._one_watch(export_id, outage)) as exports:
                    for export in exports:
                        outage.over()
                        if export != last:  # a new stream begins by repeating the last state
                            last = export
                            yield export
            except ExportdError as error:
                sleep(outage.pause_after(error))

    def wait(self, export_id: str, *, timeout: float | None = None) -> Export:
        """Wait until the export is done and return it, COMPLETED or CANCELLED. Raises the errors of `watch`."""
        with closing(self.watch(export_id, timeout=timeout)) as exports:
            last = Export()
            for export in exports:
                last = export
            return last

    def _one_watch(self, export_id: str, outage: Outage) -> Generator[Export]:
        request = WatchExportRequest(export_id=export_id)
        within = outage.left(MAX_STREAM_S)
        with closing(self._link.listen(self._link.stub.WatchExport, request, within=within)) as exports:
            for export in exports:
                yield export
                if export.done:
                    return
        raise self._link.cut_off()

    def cancel(self, export_id: str, *, only_if_queued: bool = False) -> Export:
        """Cancel an export that is not done, permanently. May be repeated.

        Raises FailedPrecondition if it is COMPLETED or, with only_if_queued, if a worker has started it.
        """
        request = CancelExportRequest(export_id=export_id, only_if_queued=only_if_queued)
        return self._link.ask(self._link.stub.CancelExport, request)

    def delete(self, export_id: str) -> None:
        """Delete an export that is done, and its file. May be repeated. Raises FailedPrecondition if it is not done."""
        self._link.ask(self._link.stub.DeleteExport, DeleteExportRequest(export_id=export_id))

    def preview(
        self,
        uri: str | None = None,
        *,
        type: str | None = None,  # noqa: A002 - the API's word
        query: str = "",
        columns: Sequence[ColumnChoice] = (),
        time_zone: str | None = None,
        lenient: bool = False,
        max_rows: int = 0,
    ) -> PreviewExportResponse:
        """Return the first rows of an export, each as a JSON object, and the total number of rows if it is known.

        max_rows: 1 to 100; 0: 20.

        The call is not retried. Raises Unavailable if no worker is free, FailedPrecondition if the rows cannot be read,
        or not within 10 s.
        """
        export = CreateExportRequest(
            query=query,
            columns=conversions.columns_of(columns),
            time_zone=time_zone or "",
            filter_mode=FILTER_MODE_LENIENT if lenient else FILTER_MODE_UNSPECIFIED,
        )
        _name_collection(export, uri, type)
        request = PreviewExportRequest(export=export, max_rows=max_rows)
        return self._link.ask_once(self._link.stub.PreviewExport, request)

    def transitions(self, export_id: str) -> Sequence[Transition]:
        """Return the history of an export: every change of its state, oldest first."""
        request = ListTransitionsRequest(export_id=export_id, page_size=MAX_PAGE_SIZE)
        pages = self._link.pages(self._link.stub.ListTransitions, request)
        return [entry for page in pages for entry in page.transitions]

    def deliveries(self, export_id: str) -> Sequence[Delivery]:
        """Return the notifications of an export and their outcomes."""
        request = ListDeliveriesRequest(export_id=export_id, page_size=MAX_PAGE_SIZE)
        pages = self._link.pages(self._link.stub.ListDeliveries, request)
        return [delivery for page in pages for delivery in page.deliveries]

    def usage(self) -> Usage:
        """Return what the tenant uses of its quotas."""
        return self._link.ask(self._link.stub.GetUsage, GetUsageRequest())

    def find_ids(self, prefix: str) -> Sequence[IdMatch]:
        """Return the exports, files and notifications whose ids begin with `prefix`, at most 10 of each kind.

        prefix: at least 4 characters of a UUID, or "msg_" and at least 4 digits.
        """
        return (self._link.ask(self._link.stub.FindIds, FindIdsRequest(prefix=prefix))).matches

    def collections(self, *, with_columns: bool = False) -> Sequence[Collection]:
        """Return the collections that can be exported, in the order of the catalog.

        `collection` returns one with its columns.
        """
        view = COLLECTION_VIEW_FULL if with_columns else COLLECTION_VIEW_BASIC
        request = ListCollectionsRequest(page_size=MAX_PAGE_SIZE, view=view)
        pages = self._link.pages(self._link.stub.ListCollections, request)
        return [collection for page in pages for collection in page.collections]

    def collection(self, type: str) -> Collection:  # noqa: A002 - the API's word
        """Return a collection with its columns. Raises NotFound if no collection has this code."""
        return self._link.ask(self._link.stub.GetCollection, GetCollectionRequest(type=type))


def _request_id(given: str | None, *, validate_only: bool) -> str:
    """Return the given id or a new one, with which a call that creates an export can be repeated safely."""
    return given if given is not None else "" if validate_only else uuid.uuid4().hex


def _name_collection(request: CreateExportRequest, uri: str | None, code: str | None) -> None:
    if uri is not None and code is None:
        request.uri = uri
    elif code is not None and uri is None:
        request.type = code
    else:
        raise conversions.invalid("collection", "give either uri or type")
