"""The store of download links in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.api.domain.audit import MAILS, NOBODY, Action, Origin, of_link, of_new_link
from services.api.domain.links import DownloadLink, check_room
from services.api.domain.quotas import Quota, exceeded
from services.api.storage.memory.audit import append
from services.api.storage.memory.data import MemoryData
from services.api.storage.memory.usage import live_links


class MemoryLinkStore:
    """A LinkStore in memory."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data

    async def add(self, link: DownloadLink, most: int = 0, *, by: Origin = NOBODY) -> None:
        now = link.create_time
        if 0 < most <= live_links(self._data, link.tenant, now):
            raise exceeded(Quota.LINKS, most, most, now)
        own = [each for each in self._data.links.values() if each.export_id == link.export_id]
        check_room([each.expire_time for each in own if each.live_at(now)], len(own), now)
        self._add(link, by)

    def _add(self, link: DownloadLink, by: Origin) -> None:
        if link.id in self._data.links or link.export_id not in self._data.records:
            raise ValueError(f"there is a link {link.id}, or no export {link.export_id}")
        self._data.links[link.id] = link
        append(self._data, [of_new_link(link, by)])

    async def add_for_mail(self, link: DownloadLink) -> DownloadLink:
        wanted = (link.delivery_id, link.file_id)
        to_send = (each for each in self._data.links.values() if each.sealed_token is not None)
        there = next((each for each in to_send if (each.delivery_id, each.file_id) == wanted), None)
        if there is None:
            self._add(link, MAILS)
        return there or link

    async def find(self, link_id: str) -> DownloadLink | None:
        return self._data.links.get(link_id)

    async def page(self, tenant: str, export_id: str, after_id: str, limit: int) -> Sequence[DownloadLink]:
        own = (each for each in self._data.links.values() if (each.tenant, each.export_id) == (tenant, export_id))
        return sorted((each for each in own if each.id > after_id), key=lambda each: each.id)[:limit]

    async def use(
        self, link_id: str, use_id: str, now: datetime, repeated_since: datetime, *, by: Origin = NOBODY
    ) -> DownloadLink | None:
        link = self._data.links.get(link_id)
        if link is None or not link.valid_at(now):
            return None
        if link.last_use_id == use_id and link.last_use_time is not None and link.last_use_time > repeated_since:
            return link
        if link.used_up:
            return None
        self._data.links[link_id] = used = replace(link, uses=link.uses + 1, last_use_id=use_id, last_use_time=now)
        append(self._data, [of_link(Action.LINK_USED, used, by, now)])
        return used

    async def redigest(self, link_id: str, before: bytes, after: bytes) -> None:
        link = self._data.links.get(link_id)
        if link is not None and link.digest == before and link.sealed_token is None:
            self._data.links[link_id] = replace(link, digest=after)

    async def revoke(self, link_id: str, tenant: str, now: datetime, *, by: Origin = NOBODY) -> DownloadLink | None:
        link = self._data.links.get(link_id)
        if link is None or link.tenant != tenant:
            return None
        if link.revoke_time is None:
            self._data.links[link_id] = link = replace(link, revoke_time=now)
            append(self._data, [of_link(Action.LINK_REVOKED, link, by, now)])
        return link
