"""Callbacks: each attempt is one signed HTTP POST to a checked address."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Self

from yarl import URL

from services.api.domain.notifications import Delivery
from services.api.notify.addresses import AddressRules, literal_address, parse
from services.api.notify.posting import PostFailed, post
from services.api.notify.resolver import Asker, CheckedResolver, LookupsBusy, LookupTimedOut
from services.api.notify.schedule import Accepted, Failed, Postponed
from services.api.notify.signing import CallbackSecrets, signed, signed_event
from services.api.notify.trust import Trust
from services.api.ports.clock import Clock
from services.runtime.addresses import AddressRefused

_HEADERS = {"content-type": "application/json", "user-agent": "exportd"}
_SECONDS = re.compile(r"\d{1,9}")
_NOT_PUBLIC = "refused: the host resolves to an address that is not public"


class CallbackSender:
    """Posts notices to the URLs of callers. It is a context, because it owns the threads for name lookups.

    Only the status and the header Retry-After of an answer are read. Redirects are not followed, proxies and passwords
    are not taken from the environment, and cookies are not kept. No connection is used twice, so that each one is
    checked.
    """

    def __init__(
        self,
        rules: AddressRules,
        secrets: CallbackSecrets,
        clock: Clock,
        *,
        timeout: timedelta,
        trust: Trust,
        resolver: CheckedResolver,
    ) -> None:
        self._rules = rules
        self._secrets = secrets
        self._clock = clock
        self._timeout_s = timeout.total_seconds()
        self._trust = trust
        self._resolver = resolver

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._resolver.close()

    def receiver(self, delivery: Delivery) -> str:
        """Return the host and port of the URL."""
        parsed = parse(delivery.target)
        return f"{parsed.raw_host}:{parsed.port}" if parsed else ""

    async def send(self, delivery: Delivery) -> Accepted | Failed | Postponed:
        """Make one attempt within the timeout, which begins when the lookup of the host's name begins."""
        if any(self._rules.mistakes(delivery.target)):
            return Failed("refused: the settings do not permit this URL any more")
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                return await self._post(delivery, self._asker(delivery, limit))
        except LookupsBusy:
            return Postponed()
        except LookupTimedOut:
            return Failed("looking up the host's name timed out")
        except TimeoutError:
            return Failed("timed out")
        except AddressRefused:
            return Failed(_NOT_PUBLIC)
        except PostFailed as failed:
            return Failed(failed.outcome)

    def _asker(self, delivery: Delivery, limit: asyncio.Timeout) -> Asker:
        loop = asyncio.get_running_loop()
        return Asker(
            delivery.tenant,
            waiting=lambda: limit.reschedule(None),
            begun=lambda: limit.reschedule(loop.time() + self._timeout_s),
        )

    async def _post(self, delivery: Delivery, asker: Asker) -> Accepted | Failed:
        url = URL(delivery.target, encoded=True)
        addresses = await self._addresses(url, asker)
        now = self._clock()
        body = written(delivery.notice)
        headers = _HEADERS | self._signed(delivery, now, body)
        reply = await post(url, addresses, headers, body, await self._trust.context())
        return _judged(reply.status, reply.retry_after, now)

    def _signed(self, delivery: Delivery, now: datetime, body: bytes) -> dict[str, str]:
        secrets = self._secrets.of(delivery.tenant)
        return signed_event(now, body, secrets) if delivery.event else signed(delivery.id, now, body, secrets)

    async def _addresses(self, url: URL, asker: Asker) -> list[str]:
        """Return the checked addresses of the URL's host.

        Raises AddressRefused, LookupsBusy, LookupTimedOut, PostFailed.
        """
        host = url.raw_host or ""
        if literal := literal_address(host):
            return [literal]  # already checked together with the URL
        try:
            return await self._resolver.resolve(host.rstrip("."), url.port or 0, asker)
        except OSError as problem:
            raise PostFailed("the host's name has no address") from problem


def written(notice: dict[str, Any]) -> bytes:
    """Return the body, with the fields in their order."""
    return json.dumps(notice, ensure_ascii=False, separators=(",", ":")).encode()


def _judged(status: int, retry_after: str, now: datetime) -> Accepted | Failed:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Accepted(str(status))
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Failed(f"{status}: redirects are not followed")
    return Failed(str(status), wait_asked(retry_after, now), for_good=status == HTTPStatus.GONE)


def wait_asked(retry_after: str, now: datetime) -> timedelta | None:
    """Return the time that Retry-After asks for, in seconds or as a date; None if it is empty or invalid."""
    if _SECONDS.fullmatch(retry_after.strip()):
        return timedelta(seconds=int(retry_after))
    try:
        moment = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    return max((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now, timedelta())
