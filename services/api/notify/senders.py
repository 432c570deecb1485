"""The senders of the configured channels."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from services.api.domain.notifications import Channel
from services.api.notify.callback import CallbackSender
from services.api.notify.resolver import CheckedResolver, LookupLimits
from services.api.notify.schedule import Sender
from services.api.notify.settings import NotifySettings
from services.api.notify.signing import CallbackSecrets
from services.api.notify.trust import Trust
from services.api.ports.clock import Clock

if TYPE_CHECKING:
    from services.api.notify.mailing import MailLinkSource


@asynccontextmanager
async def senders_of(
    settings: NotifySettings, secrets: CallbackSecrets, clock: Clock, links: "MailLinkSource"
) -> AsyncIterator[dict[Channel, Sender]]:
    """Return a context with one sender for each configured channel. `links` are those of mails.

    Raises CannotUse if the file of certificate authorities is invalid.
    """
    trust, resolver = Trust(settings.tls), CheckedResolver(settings.callbacks, LookupLimits())
    if settings.ca_file:
        await trust.context()
    callbacks = CallbackSender(
        settings.callbacks, secrets, clock, timeout=settings.callback_timeout, trust=trust, resolver=resolver
    )
    async with callbacks:
        senders: dict[Channel, Sender] = {Channel.CALLBACK: callbacks}
        if settings.mail:
            from services.api.notify.mailing import MailSender  # noqa: PLC0415 - few installations send mails

            senders[Channel.EMAIL] = MailSender(settings.mail, clock, trust=trust, links=links)
        yield senders
