"""Creation, lookup and revocation of download links."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.api.domain.export import Export, StoredFile
from services.api.domain.keys import Key
from services.api.domain.links import DownloadLink, LinkPolicy, Ticket, token_id
from services.api.domain.quotas import TenantQuotas
from services.api.ports.clock import Clock
from services.api.ports.exports import ExportStore
from services.api.ports.links import LinkStore
from services.api.secrets.keys import KeyDigests, new_token
from services.api.usecases.downloads import DownloadRequest, Downloads
from services.api.usecases.lookup import export_of
from services.api.usecases.origin import ORIGIN
from services.contract.errors import ExportNotFound, LinkNotFound, StoreUnavailable, TooManyLinkTries

LOOKED_UP_FOR_S = 1.0
"""How long a process relies on a link that it has read. A revocation reaches every process within this time."""

MAX_LOOKED_UP = 10_000
"""Most links that a process caches."""

LOOKUPS_AT_ONCE = 8
MAX_LOOKUPS_WAITING = 1000
"""How many tokens a process looks up at once, and how many may wait for their turn."""

_NO_DIGEST = bytes(32)


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link that is to be created for the file of `source`. `lasts` None means as long as possible."""

    source: DownloadRequest
    lasts: timedelta | None = None
    max_uses: int = 0
    label: str = ""


class Links:
    """Creates, lists and revokes links."""

    def __init__(
        self,
        store: LinkStore,
        exports: ExportStore,
        downloads: Downloads,
        *,
        digests: KeyDigests,
        clock: Clock,
        policy: LinkPolicy,
        quotas: TenantQuotas,
    ) -> None:
        self._store = store
        self._quotas = quotas
        self._exports = exports
        self._downloads = downloads
        self._digests = digests
        self._clock = clock
        self.policy = policy

    async def create(self, tenant: str, wanted: NewLink, by: Key | None, creator: str) -> tuple[DownloadLink, str]:
        """Create a link. Return it with its token, which cannot be shown again.

        `by` is the caller's own key, with which the link ends at the latest. The rights of a token of an identity
        provider have no id: such tokens last for minutes only. `creator` is the caller's principal. Raises the errors
        of CreateDownloadLink.
        """
        export, file = await self._downloads.requested(tenant, wanted.source)
        now, token = self._clock(), new_token()
        link = made(export, file, token, self._digests, self._ends(file, wanted, by, now), now)
        link = replace(link, max_uses=wanted.max_uses, label=wanted.label, creator=creator)
        await self._store.add(link, self._quotas.quotas(tenant).links, by=ORIGIN.get())
        return link, token

    def _ends(self, file: StoredFile, wanted: NewLink, by: Key | None, now: datetime) -> datetime:
        ends = [file.expire_time, now + (wanted.lasts or self.policy.max_life)]
        if by is not None and by.id and by.expire_time is not None:
            ends.append(by.expire_time)
        return min(ends)

    async def page(self, tenant: str, export_id: str, after_id: str, limit: int) -> Sequence[DownloadLink]:
        """Return a page of the links of an export; see `LinkStore.page`. Raises ExportNotFound."""
        await export_of(self._exports, tenant, export_id)
        return await self._store.page(tenant, export_id, after_id, limit)

    async def revoke(self, tenant: str, link_id: str) -> DownloadLink:
        """Revoke a link and return it. Idempotent.

        Raises LinkNotFound, also for a link of another tenant or of a collection that the caller does not see.
        """
        link = await self._store.find(link_id)
        if link is None or link.tenant != tenant:
            raise LinkNotFound
        await self._check_seen(link)
        revoked = await self._store.revoke(link_id, tenant, self._clock(), by=ORIGIN.get())
        if revoked is None:
            raise LinkNotFound
        return revoked

    async def _check_seen(self, link: DownloadLink) -> None:
        try:
            await export_of(self._exports, link.tenant, link.export_id)
        except ExportNotFound:
            raise LinkNotFound from None


def made(  # noqa: PLR0917 - the parts of a link
    export: Export, file: StoredFile, token: str, digests: KeyDigests, expire_time: datetime, now: datetime
) -> DownloadLink:
    """Return a new link to a file."""
    return DownloadLink(
        id=token_id(token),
        tenant=export.tenant,
        export_id=export.id,
        file_id=file.id,
        digest=digests.of(token),
        create_time=now,
        expire_time=expire_time,
    )


@dataclass(frozen=True, slots=True)
class ShownLink:
    """A valid link that a caller has shown: by its token, or by a ticket, with which its file can be downloaded."""

    link: DownloadLink
    by_ticket: bool


class KnownLinks:
    """Looks links up by their tokens and tickets, with a cache, and few at a time."""

    def __init__(self, store: LinkStore, digests: KeyDigests, clock: Clock, monotonic: Callable[[], float]) -> None:
        """`monotonic` returns seconds and never goes back."""
        self._store = store
        self._digests = digests
        self._clock = clock
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, DownloadLink]] = {}
        self._lookups = _Lookups()

    async def find(self, text: str) -> ShownLink | None:
        """Return the valid link with this token or ticket; None for any other text. It may be used up.

        A text that is neither needs no lookup. For others the time does not depend on whether the link exists. Raises
        TooManyLinkTries.
        """
        now = self._clock()
        if link_id := token_id(text):
            link = await self._with_token(link_id, text)
            return ShownLink(link, by_ticket=False) if link and link.valid_at(now) else None
        ticket = Ticket.read(text)
        if ticket is None or not self.is_authentic(ticket) or now >= ticket.expire_time:
            return None
        link = await self._recent(text, ticket.link_id)
        return ShownLink(link, by_ticket=True) if link and link.valid_at(now) else None

    async def stands(self, text: str) -> bool:
        """Whether the link of an admitted call is still valid. A download may outlast its ticket."""
        ticket = Ticket.read(text)
        link = await self._recent(text, ticket.link_id if ticket else token_id(text))
        return link is not None and link.valid_at(self._clock())

    def is_authentic(self, ticket: Ticket) -> bool:
        """Whether a ticket is one of this service."""
        stored = _Code(ticket.code)
        return self._digests.fits(stored, Ticket.body(ticket.link_id, ticket.expire_time))

    async def _with_token(self, link_id: str, text: str) -> DownloadLink | None:
        until, known = self._known.get(text, (float("-inf"), None))
        if known is not None and self._monotonic() < until:
            return known
        async with self._lookups.turn():
            asked, link = self._monotonic(), await self._store.find(link_id)
        fits = self._digests.fits(link or _Code(_NO_DIGEST), text)
        if link is None or not fits:
            self._known.pop(text, None)
            return None
        if self._digests.is_outdated(link):
            await self._rekeyed(link, text)
        return self._remember(text, asked, link)

    async def _rekeyed(self, link: DownloadLink, text: str) -> None:
        """Store the digest with the primary key, as for API keys: the text is here."""
        with suppress(StoreUnavailable):  # the next look-up tries again
            await self._store.redigest(link.id, link.digest, self._digests.of(text))

    async def _recent(self, text: str, link_id: str) -> DownloadLink | None:
        until, known = self._known.get(text, (float("-inf"), None))
        if known is not None and self._monotonic() < until:
            return known
        asked, link = self._monotonic(), await self._store.find(link_id)
        return self._remember(text, asked, link) if link else None

    def _remember(self, text: str, asked: float, link: DownloadLink) -> DownloadLink:
        if len(self._known) >= MAX_LOOKED_UP:
            self._known.clear()
        self._known[text] = (asked + LOOKED_UP_FOR_S, link)
        return link


@dataclass(frozen=True, slots=True)
class _Code:
    digest: bytes = field(repr=False)


class _Lookups:
    """Lets lookups take turns, so that guessing takes little of the database, and who has a link only waits.

    A limit of unknown tokens would refuse valid ones, too: before the lookup nobody knows which is which.
    """

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn. Raises TooManyLinkTries."""
        if self._waiting >= MAX_LOOKUPS_WAITING:
            raise TooManyLinkTries
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()
