"""LinkService over gRPC: decode, call, encode."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta

from exportd.v1 import link_service_pb2, link_service_pb2_grpc
from services.api.domain.key_texts import ID_CHARACTERS
from services.api.domain.keys import MAX_LABEL_CHARACTERS
from services.api.domain.links import MAX_USES, MIN_LIFE, DownloadLink
from services.api.rpc import decode
from services.api.rpc.call import export_id_of, tenant_of
from services.api.rpc.gate import CALLER
from services.api.rpc.links.admission import LINK
from services.api.rpc.links.pace import LinkPace
from services.api.rpc.metadata import Context
from services.api.rpc.pages import Pages, one_more
from services.api.usecases.linked_files import LinkedFile, LinkedFiles
from services.api.usecases.links import Links, NewLink
from services.contract.codec import duration_from_pb, timestamp_to_pb
from services.contract.errors import InvalidRequest, LinkNotFound, Violation

_IDS = re.compile(f"[0-9A-Za-z]{{{ID_CHARACTERS}}}")
_USE_IDS = re.compile("[0-9A-Za-z]{16,64}")


class LinkServicer(link_service_pb2_grpc.LinkServiceServicer):
    """Implements LinkService."""

    def __init__(self, links: Links, files: LinkedFiles, pages: Pages, pace: LinkPace) -> None:
        self._pace = pace
        self._links = links
        self._files = files
        self._pages = pages

    async def CreateDownloadLink(
        self, request: link_service_pb2.CreateDownloadLinkRequest, context: Context
    ) -> link_service_pb2.CreateDownloadLinkResponse:
        tenant = tenant_of(context)
        wanted = _wanted(request, self._links.policy.max_life)
        caller = CALLER.get()
        link, token = await self._links.create(tenant, wanted, caller.key, caller.principal)
        url = self._links.policy.url_of(token)
        return link_service_pb2.CreateDownloadLinkResponse(link=_encoded(link), token=token, url=url)

    async def ListDownloadLinks(
        self, request: link_service_pb2.ListDownloadLinksRequest, context: Context
    ) -> link_service_pb2.ListDownloadLinksResponse:
        tenant, export_id = tenant_of(context), export_id_of(request.export_id)

        async def fetch(after: str, count: int) -> Sequence[DownloadLink]:
            return await self._links.page(tenant, export_id, after, count)

        asked = self._pages.asked(request, tenant)
        links, token = await self._pages.filled(asked, one_more(fetch, _id_of), _encoded, _id_of)
        return link_service_pb2.ListDownloadLinksResponse(links=links, next_page_token=token)

    async def RevokeDownloadLink(
        self, request: link_service_pb2.RevokeDownloadLinkRequest, context: Context
    ) -> link_service_pb2.DownloadLink:
        if not _IDS.fullmatch(request.link_id):
            raise InvalidRequest((Violation("link_id", f"must be {ID_CHARACTERS} letters and digits"),))
        return _encoded(await self._links.revoke(tenant_of(context), request.link_id))

    async def GetLinkedFile(
        self,
        request: link_service_pb2.GetLinkedFileRequest,
        context: Context,
    ) -> link_service_pb2.LinkedFile:
        return _file(await self._files.file(_shown()))

    async def UseDownloadLink(
        self,
        request: link_service_pb2.UseDownloadLinkRequest,
        context: Context,
    ) -> link_service_pb2.DownloadTicket:
        if not _USE_IDS.fullmatch(request.use_id):
            raise InvalidRequest((Violation("use_id", "must be 16 to 64 letters and digits"),))
        link = _shown()
        self._pace.take(link.id)
        ticket, ends = await self._files.use(link, request.use_id)
        return link_service_pb2.DownloadTicket(ticket=ticket, expire_time=timestamp_to_pb(ends))


def _shown() -> DownloadLink:
    """Return the link of the call. A ticket is only for downloads. Raises LinkNotFound."""
    shown = LINK.get()
    if shown is None or shown.by_ticket:
        raise LinkNotFound
    return shown.link


def _wanted(request: link_service_pb2.CreateDownloadLinkRequest, max_life: timedelta) -> NewLink:
    """Return the link to create. Raises InvalidRequest with all violations."""
    lasts = _lasts(request, max_life)
    violations = [Violation(field, text) for field, text in _faults(request, lasts, max_life) if text]
    if violations:
        raise InvalidRequest(tuple(violations))
    return NewLink(decode.source_of(request), lasts, request.max_uses, request.label)


def _lasts(request: link_service_pb2.CreateDownloadLinkRequest, max_life: timedelta) -> timedelta | None:
    """Return the requested life; None if there is no valid one."""
    if not request.HasField("lasts"):
        return max_life
    with suppress(ValueError, OverflowError):
        lasts = duration_from_pb(request.lasts)
        if MIN_LIFE <= lasts <= max_life:
            return lasts
    return None


def _faults(
    request: link_service_pb2.CreateDownloadLinkRequest, lasts: timedelta | None, max_life: timedelta
) -> Iterator[tuple[str, str]]:
    """Yield each field with what is wrong with it; an empty text means that nothing is."""
    label = request.label
    labelled = len(label) <= MAX_LABEL_CHARACTERS and (not label or label.isprintable())
    longest = f"must be {MIN_LIFE.total_seconds():.0f} s to {max_life.total_seconds():.0f} s"
    yield "lasts", longest if lasts is None else ""
    yield "max_uses", "" if 0 <= request.max_uses <= MAX_USES else f"must be 0 to {MAX_USES}"
    yield "label", "" if labelled else f"must be at most {MAX_LABEL_CHARACTERS} printable characters"


def _id_of(link: DownloadLink) -> str:
    return link.id


def _encoded(link: DownloadLink) -> link_service_pb2.DownloadLink:
    return link_service_pb2.DownloadLink(
        id=link.id,
        export_id=link.export_id,
        file_id=link.file_id,
        label=link.label,
        max_uses=link.max_uses,
        uses=link.uses,
        create_time=timestamp_to_pb(link.create_time),
        expire_time=timestamp_to_pb(link.expire_time),
        revoke_time=timestamp_to_pb(link.revoke_time),
        last_use_time=timestamp_to_pb(link.last_use_time),
        creator=link.creator,
        delivery_id=link.delivery_id,
    )


def _file(linked: LinkedFile) -> link_service_pb2.LinkedFile:
    file = linked.file
    return link_service_pb2.LinkedFile(
        filename=file.filename,
        size_bytes=file.artifact.size_bytes,
        sha256=file.artifact.sha256,
        media_type=file.artifact.media_type,
        row_count=file.row_count,
        type=linked.export.type,
        encrypted=file.artifact.encrypted,
        create_time=timestamp_to_pb(file.create_time),
        expire_time=timestamp_to_pb(linked.link.expire_time),
        uses_left=linked.link.uses_left,
    )
