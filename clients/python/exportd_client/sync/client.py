# Made of exportd_client/aio/client.py by `make proto`: change that one.
"""SyncExportClient: the public API as Python sees it."""

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
    IdMatch,
    ListCollectionsRequest,
    ListDeliveriesRequest,
    ListExportsRequest,
    ListTransitionsRequest,
    PreviewExportRequest,
    PreviewExportResponse,
    WatchExportRequest,
)
from exportd_client import conversions
from exportd_client.channel import ApiKey, Target, Tls, endpoint
from exportd_client.conversions import ColumnChoice, CompressionName, FormatName, PackagingName
from exportd_client.enums import StateName, value_of
from exportd_client.errors import ExportdError
from exportd_client.patience import Outage, Patience
from exportd_client.sync.connection import MAX_PAGE_SIZE, MAX_STREAM_S, Link
from exportd_client.sync.files import Files
from exportd_client.sync.operator import SyncOperator
from exportd_client.sync.threads import sleep


class SyncExportClient(Files):
    """Calls one exportd service on behalf of one tenant; `with` opens and closes it.

    target: "host:port"; without a port it is 50051. "dns:///host:port" asks a name for all its addresses, and several
    IP addresses may be given: calls then go to each in turn, and to those that are left when one is away.
    tenant: whose exports; None: "default", or that of the API key.
    tls: True, or a Tls with certificates of your own; False: not encrypted.
    api_key: the key, or a function that gives the present one; sent over TLS, or on this machine, only.
    timeout: seconds that a call which answers once may take. A stream ends after an hour and is gone on with.
    patience: how long calls are repeated while nobody answers; all of them are safe to repeat.

    Every method raises ExportdError; Unreachable when nobody answers, InvalidArgument for a request that is wrong.
    ValueError: the client cannot be made of what is given.
    """

    def __init__(
        self,
        target: Target = "127.0.0.1:50051",
        tenant: str | None = None,
        *,
        tls: Tls | bool = False,
        api_key: ApiKey = "",
        timeout: float = 30.0,
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(Link(endpoint(target, tenant, tls, api_key), patience, timeout))
        self.target = self._link.target
        """With its port."""
        self.operator = SyncOperator(self._link)
        """What operators do, over the same line."""

    def __enter__(self) -> Self:
        self._link.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the calls that are left and closes the line, as leaving `with` does. May be repeated."""
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
        """Creates an export and returns immediately, with the export in QUEUED.

        Name the collection by `uri` ("/entities/42/invoices?issuedAt[after]=…") or by `type` ("Invoices") with an
        optional `query`. format None: JSON. file_types: attachments to bundle.

        columns: fields ("issuedAt"), each alone or with its header ("issuedAt", "Issued at"); empty: all.
        time_zone: IANA name, of times in the file and of dates without an offset in the query; None: UTC.
        csv, xlsx: how that format is written, with that format only. compression: of a bare CSV, JSON or JSONL.
        packaging None: "auto", the bare table or, with a password or file_types, one ZIP. "zip": always one ZIP.
        "separate": the table as `file` and the attachments as `attachments_file` of the export; no password then.
        password: 1 to 99 bytes of UTF-8, seals the ZIP; None: open.

        priority: 0 to 9, higher first among the tenant's own. notify_email, callback_url: notified when it is done.
        max_attempts 1 to 10; 0: 3. ttl: how long the file stays, 1 minute to 90 days; None: 7 days.
        filename: a suggestion; empty: from the id.
        lenient: drop what the query has wrong, with a warning each, in place of InvalidArgument.
        changed_since: rows changed at or after it; without a time zone it is UTC.
        since_export: rows changed since that export was built.
        validate_only: dry run; the answer, without an id, is the request as understood, with its warnings.

        request_id: the same one with the same request returns the same
        export within 24 h; None: a new one, so that the call can be repeated safely when the line breaks.

        NotFound: no such collection. AlreadyExists: request_id was used for another request.
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
        except (TypeError, ValueError) as error:  # what protobuf can't even write down
            raise conversions.invalid("", str(error)) from error
        return self._link.ask(self._link.stub.CreateExport, request)

    def get(self, export_id: str) -> Export:
        """The export as it is now."""
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
        """The tenant's exports, newest first, for which all that is given holds; pages are fetched as they are needed.

        created_after: at or after; created_before: before; without a time zone they are UTC. page_size 0: 50.
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
        """The export as it is now, then again after each change and new progress, until it is done.

        Goes on by itself after the line broke. Break out under contextlib.closing to end the call immediately.
        timeout: seconds in all; None: as long as it takes.
        NotFound: also when it is deleted meanwhile. DeadlineExceeded: it is not done in time.
        """
        outage = Outage(self._link, timeout)
        last: Export | None = None
        while last is None or not last.done:
            try:
                with closing(self._one_watch(export_id, outage)) as exports:
                    for export in exports:
                        outage.over()
                        if export != last:  # a new stream begins by repeating what is known
                            last = export
                            yield export
            except ExportdError as error:
                sleep(outage.pause_after(error))

    def wait(self, export_id: str, *, timeout: float | None = None) -> Export:
        """The export once it is done: COMPLETED, or CANCELLED. As `watch`, whose last message it is."""
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
        """Ends an export that is not done, for good. May be repeated.

        FailedPrecondition: it is COMPLETED, or, with only_if_queued, a worker has picked it up.
        """
        request = CancelExportRequest(export_id=export_id, only_if_queued=only_if_queued)
        return self._link.ask(self._link.stub.CancelExport, request)

    def delete(self, export_id: str) -> None:
        """Removes an export that is done, and its file. May be repeated. FailedPrecondition: it is not done."""
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
        """The first rows of what an export would hold, each as a JSON object, and how many there are if that is known.

        max_rows: 1 to 100; 0: 20. The call is made once. Unavailable: no worker is free. FailedPrecondition: they
        cannot be read, or not in 10 s.
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
        """What happened to an export: every change of its state, oldest first."""
        request = ListTransitionsRequest(export_id=export_id, page_size=MAX_PAGE_SIZE)
        pages = self._link.pages(self._link.stub.ListTransitions, request)
        return [entry for page in pages for entry in page.transitions]

    def deliveries(self, export_id: str) -> Sequence[Delivery]:
        """The notifications of an export and their outcomes."""
        request = ListDeliveriesRequest(export_id=export_id, page_size=MAX_PAGE_SIZE)
        pages = self._link.pages(self._link.stub.ListDeliveries, request)
        return [delivery for page in pages for delivery in page.deliveries]

    def find_ids(self, prefix: str) -> Sequence[IdMatch]:
        """Exports, files and notifications whose ids begin with `prefix`, at most 10 of each kind.

        prefix: at least 4 characters of a UUID, or "msg_" and at least 4 digits.
        """
        return (self._link.ask(self._link.stub.FindIds, FindIdsRequest(prefix=prefix))).matches

    def collections(self, *, with_columns: bool = False) -> Sequence[Collection]:
        """What can be exported, in the catalog's order; `collection` shows the columns of one."""
        view = COLLECTION_VIEW_FULL if with_columns else COLLECTION_VIEW_BASIC
        request = ListCollectionsRequest(page_size=MAX_PAGE_SIZE, view=view)
        pages = self._link.pages(self._link.stub.ListCollections, request)
        return [collection for page in pages for collection in page.collections]

    def collection(self, type: str) -> Collection:  # noqa: A002 - the API's word
        """One collection with its columns. NotFound: there is none of this code."""
        return self._link.ask(self._link.stub.GetCollection, GetCollectionRequest(type=type))


def _request_id(given: str | None, *, validate_only: bool) -> str:
    """One of its own for a call that makes something: it can be repeated safely then."""
    return given if given is not None else "" if validate_only else uuid.uuid4().hex


def _name_collection(request: CreateExportRequest, uri: str | None, code: str | None) -> None:
    if uri is not None and code is None:
        request.uri = uri
    elif code is not None and uri is None:
        request.type = code
    else:
        raise conversions.invalid("collection", "give either uri or type")
