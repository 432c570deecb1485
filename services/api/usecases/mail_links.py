"""The links in mails that report the end of an export."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.api.domain.export import Export, StoredFile
from services.api.domain.links import DownloadLink, LinkPolicy, MailLink
from services.api.domain.notifications import Delivery
from services.api.ports.clock import Clock
from services.api.ports.exports import ExportStore
from services.api.ports.links import LinkStore
from services.api.secrets.keys import KeyDigests, new_token
from services.api.secrets.passwords import Passwords
from services.api.usecases.links import made

MIN_LEFT = timedelta(minutes=1)
"""A link that ends sooner is not worth a mail."""


class MailLinks:
    """Creates the links of a mail when it is first sent. Each further attempt sends the same links.

    Until the delivery has ended, the store has the token sealed with the server's key; afterwards only its digest.
    """

    def __init__(
        self,
        store: LinkStore,
        exports: ExportStore,
        *,
        digests: KeyDigests,
        passwords: Passwords,
        clock: Clock,
        policy: LinkPolicy,
    ) -> None:
        self._store = store
        self._exports = exports
        self._digests = digests
        self._passwords = passwords
        self._clock = clock
        self._policy = policy

    async def of(self, delivery: Delivery) -> list[MailLink]:
        """Return a link to each file of the export.

        The list is empty if there is no file, if the creator of the export may not read it, or if the address of the
        gateway is unknown. Raises StoreUnavailable.
        """
        if not self._policy.public_url or not delivery.notice["success"]:
            return []
        export = await self._exports.get(delivery.tenant, delivery.export_id)
        if export is None or not export.options.mail_links:
            return []
        now = self._clock()
        files = [file for file in (export.file, export.attachments_file) if file and file.expire_time > now + MIN_LEFT]
        return [await self._link(delivery, export, file, now) for file in files]

    async def _link(self, delivery: Delivery, export: Export, file: StoredFile, now: datetime) -> MailLink:
        token, ends = new_token(), min(file.expire_time, now + self._policy.max_life)
        link = made(export, file, token, self._digests, ends, now)
        sealed = self._passwords.sealed(token, _bound_to(link))
        kept = await self._store.add_for_mail(replace(link, delivery_id=delivery.id, sealed_token=sealed))
        text = self._passwords.opened(kept.sealed_token or b"", _bound_to(kept))
        return MailLink(file.filename, kept.expire_time, self._policy.url_of(text))


def _bound_to(link: DownloadLink) -> str:
    return f"link {link.id}"
