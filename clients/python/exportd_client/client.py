"""ExportClient: the public API as Python sees it."""

import uuid
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from os import PathLike
from typing import Self

from exportd.v1.export_pb2 import (
    FILTER_MODE_LENIENT,
    FILTER_MODE_UNSPECIFIED,
    CsvOptions,
    Delivery,
    Export,
    File,
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
    GetFileRequest,
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
from exportd_client import download as downloads
from exportd_client.connection import MAX_PAGE_SIZE, Link, Outage, Patience
from exportd_client.conversions import ColumnChoice, CompressionName, FormatName, PackagingName
from exportd_client.download import Download, OnBytes, Source
from exportd_client.enums import StateName, value_of
from exportd_client.errors import ExportdError
from exportd_client.operator import Operator


class ExportClient:
    """Calls one exportd service on behalf of one tenant; `async with` opens and closes it.

    target: "host:port"; without a port it is 50051. patience: how long calls are repeated while nobody answers; all of
    them are safe to repeat.
    Every method raises ExportdError; Unreachable when nobody answers, InvalidArgument for a request that is wrong.
    """

    def __init__(
        self,
        target: str = "127.0.0.1:50051",
        tenant: str = "default",
        *,
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        self._link = Link(target, tenant, patience)
        self.target = self._link.target
        """With its port."""
        self.operator = Operator(self._link)
        """What operators do, over the same line."""

    async def __aenter__(self) -> Self:
        await self._link.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._link.__aexit__(*error)

    async def create(
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
        return await self._link.ask(self._link.stub.CreateExport, request)

    async def get(self, export_id: str) -> Export:
        """The export as it is now."""
        return await self._link.ask(self._link.stub.GetExport, GetExportRequest(export_id=export_id))

    async def list(
        self,
        *,
        states: Iterable[StateName] = (),
        type: str = "",  # noqa: A002 - the API's word
        labels: Mapping[str, str] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        page_size: int = 0,
    ) -> AsyncGenerator[Export]:
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
        async for page in self._link.pages(self._link.stub.ListExports, request):
            for export in page.exports:
                yield export

    async def watch(self, export_id: str) -> AsyncGenerator[Export]:
        """The export as it is now, then again after each change and new progress, until it is done.

        Goes on by itself after the line broke. Break out under contextlib.aclosing to end the call immediately.
        NotFound: also when it is deleted meanwhile.
        """
        outage = Outage(self._link)
        last: Export | None = None
        while last is None or not last.done:
            try:
                async with aclosing(self._one_watch(export_id)) as exports:
                    async for export in exports:
                        outage.over()
                        if export != last:  # a new stream begins by repeating what is known
                            last = export
                            yield export
            except ExportdError as error:
                await outage.pause_after(error)

    async def _one_watch(self, export_id: str) -> AsyncGenerator[Export]:
        request = WatchExportRequest(export_id=export_id)
        async with aclosing(self._link.listen(self._link.stub.WatchExport, request)) as exports:
            async for export in exports:
                yield export
                if export.done:
                    return
        raise self._link.cut_off()

    async def cancel(self, export_id: str, *, only_if_queued: bool = False) -> Export:
        """Ends an export that is not done, for good. May be repeated.

        FailedPrecondition: it is COMPLETED, or, with only_if_queued, a worker has picked it up.
        """
        request = CancelExportRequest(export_id=export_id, only_if_queued=only_if_queued)
        return await self._link.ask(self._link.stub.CancelExport, request)

    async def delete(self, export_id: str) -> None:
        """Removes an export that is done, and its file. May be repeated. FailedPrecondition: it is not done."""
        await self._link.ask(self._link.stub.DeleteExport, DeleteExportRequest(export_id=export_id))

    async def preview(
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
        return await self._link.ask_once(self._link.stub.PreviewExport, request)

    async def transitions(self, export_id: str) -> Sequence[Transition]:
        """What happened to an export: every change of its state, oldest first."""
        request = ListTransitionsRequest(export_id=export_id, page_size=MAX_PAGE_SIZE)
        pages = self._link.pages(self._link.stub.ListTransitions, request)
        return [entry async for page in pages for entry in page.transitions]

    async def deliveries(self, export_id: str) -> Sequence[Delivery]:
        """The notifications of an export and their outcomes."""
        request = ListDeliveriesRequest(export_id=export_id, page_size=MAX_PAGE_SIZE)
        pages = self._link.pages(self._link.stub.ListDeliveries, request)
        return [delivery async for page in pages for delivery in page.deliveries]

    async def find_ids(self, prefix: str) -> Sequence[IdMatch]:
        """Exports, files and notifications whose ids begin with `prefix`, at most 10 of each kind.

        prefix: at least 4 characters of a UUID, or "msg_" and at least 4 digits.
        """
        return (await self._link.ask(self._link.stub.FindIds, FindIdsRequest(prefix=prefix))).matches

    async def get_file(self, file_id: str) -> File:
        """What a file is, before any byte of it is downloaded. FailedPrecondition: its time is over."""
        return await self._link.ask(self._link.stub.GetFile, GetFileRequest(file_id=file_id))

    async def file_of(self, source: Source) -> File:
        """The file that a download of `source` would send. FailedPrecondition: there is none, or not yet."""
        return await downloads.file_of(self._link, source)

    async def download(
        self,
        source: Source,
        path: str | PathLike[str],
        *,
        overwrite: bool = True,
        progress: OnBytes | None = None,
    ) -> Download:
        """Brings the file of an export (its id will do), or a file, to `path`, and replaces what is there.

        The attachments of packaging "separate" are a file: `download(export.attachments_file, path)`.

        In a directory the file gets the name that the service suggests. It appears only when it is whole, verified by
        size and sha256, and durable. What has arrived is kept in `<path>.<16 digits>.part`: after the line broke, or
        in a later call, the download goes on there.

        FailedPrecondition: no file, or not yet. FileChanged, DownloadDamaged: download again. OSError: from the disk;
        FileExistsError: something is there, and `overwrite` is False.
        """
        return await downloads.download(self._link, source, path, overwrite=overwrite, progress=progress)

    def stream(self, source: Source, *, offset: int = 0, limit: int = 0) -> AsyncGenerator[bytes]:
        """The bytes of a file from `offset` on, at most `limit` of them (0: all), in pieces of up to 1 MiB.

        Goes on by itself after the line broke; verifying the sha256 is up to the caller.
        InvalidArgument: the offset lies beyond the end.
        """
        sha256 = source.sha256 if isinstance(source, File) else ""
        return downloads.read(self._link, source, offset=offset, limit=limit, sha256=sha256)

    async def collections(self, *, with_columns: bool = False) -> Sequence[Collection]:
        """What can be exported, in the catalog's order; `collection` shows the columns of one."""
        view = COLLECTION_VIEW_FULL if with_columns else COLLECTION_VIEW_BASIC
        request = ListCollectionsRequest(page_size=MAX_PAGE_SIZE, view=view)
        pages = self._link.pages(self._link.stub.ListCollections, request)
        return [collection async for page in pages for collection in page.collections]

    async def collection(self, type: str) -> Collection:  # noqa: A002 - the API's word
        """One collection with its columns. NotFound: there is none of this code."""
        return await self._link.ask(self._link.stub.GetCollection, GetCollectionRequest(type=type))


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
