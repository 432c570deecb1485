"""The senders of the configured channels."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.api.domain.notifications import Channel
from services.api.notify.callback import CallbackSender
from services.api.notify.mailing import NO_LINKS, MailLinkSource, MailSender
from services.api.notify.resolver import CheckedResolver, LookupLimits
from services.api.notify.schedule import Sender
from services.api.notify.settings import NotifySettings
from services.api.notify.signing import CallbackSecrets
from services.api.ports.clock import Clock


@asynccontextmanager
async def senders_of(
    settings: NotifySettings, secrets: CallbackSecrets, clock: Clock, links: MailLinkSource = NO_LINKS
) -> AsyncIterator[dict[Channel, Sender]]:
    """Return a context with one sender for each configured channel. `links` are those of mails.

    Raises CannotUse if the file of certificate authorities is invalid.
    """
    tls, resolver = settings.tls(), CheckedResolver(settings.callbacks, LookupLimits())
    callbacks = CallbackSender(
        settings.callbacks, secrets, clock, timeout=settings.callback_timeout, tls=tls, resolver=resolver
    )
    async with callbacks:
        senders: dict[Channel, Sender] = {Channel.CALLBACK: callbacks}
        if settings.mail:
            senders[Channel.EMAIL] = MailSender(settings.mail, clock, tls=tls, links=links)
        yield senders
