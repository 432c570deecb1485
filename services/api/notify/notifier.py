"""Sends the notifications of the outbox as soon as they are due, each at least once."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.api.domain.notifications import Channel, Delivery, Held
from services.api.metrics import ApiMetrics
from services.api.notify.concurrency import Loads
from services.api.notify.schedule import Accepted, Failed, Postponed, Sender, delay
from services.api.ports.outbox import Outbox
from services.api.world import World
from services.runtime import logs
from services.runtime.tracing.context import carried, log_fields
from services.runtime.tracing.tracer import NO_TRACER, Span, Tracer
from services.runtime.tracing.words import Attribute, Attributes, Kind, SpanName


@dataclass(frozen=True, slots=True)
class NotifierLimits:
    """How many attempts may run at once, in all, per receiver and per tenant, and how long deliveries are postponed.

    A delivery whose receiver or tenant has reached its limit is put back for one to two times `aside`; for one to two
    times `long_aside` if the last attempt to that receiver or of that tenant failed, because it will stay at its limit.
    `interval_s` is the longest time between two looks into the outbox, since another process may have added something.
    """

    max_deliveries: int = 64
    max_per_receiver: int = 8
    max_per_tenant: int = 16
    aside: timedelta = timedelta(seconds=1)
    long_aside: timedelta = timedelta(seconds=15)
    interval_s: float = 1.0


class Notifier:
    """Holds due deliveries, attempts them, and stores the outcomes.

    If the process dies, or an outcome cannot be stored, the delivery is retried when its hold lapses; `hold` is longer
    than any attempt. Whoever adds something to the outbox sets `woken`. A dead receiver, or a tenant with many of them,
    can use no more attempts at once than `limits` allow.
    """

    def __init__(
        self,
        outbox: Outbox,
        senders: Mapping[Channel, Sender],
        metrics: ApiMetrics,
        world: World,
        *,
        hold: timedelta | Mapping[Channel, timedelta],
        woken: asyncio.Event,
        limits: NotifierLimits,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._outbox = outbox
        self._senders = senders
        self._metrics = metrics
        self._world = world
        self._holds = hold if isinstance(hold, Mapping) else dict.fromkeys(Channel, hold)
        self._limits = limits
        self._loads = Loads()
        self._tries: set[asyncio.Task[None]] = set()
        self._woken = woken
        self._ending = False
        self._tracer = tracer

    @asynccontextmanager
    async def running(self, grace_s: float, now: asyncio.Event | None = None) -> AsyncIterator[None]:
        """Return a context in which notifications are sent.

        At its end no new attempts begin, and running ones have `grace_s` seconds to end, or until `now` is set.
        Attempts that are then cut off are retried when their holds lapse.
        """
        run = asyncio.create_task(self.run())
        try:
            yield
        finally:
            self._ending = True
            self._woken.set()
            await run
            await self._finish(grace_s, now or asyncio.Event())

    async def run(self) -> None:
        """Send until the context of `running` ends."""
        while not self._ending:
            self._woken.clear()
            try:
                pause_s = await self._turn()
            except Exception:  # noqa: BLE001 - the loop must survive any error
                logs.get().exception("notifier_failed")
                pause_s = self._limits.interval_s
            await self._pause(pause_s)

    async def run_once(self) -> int:
        """Attempt what is due now, within the limits, and wait for the outcomes. Return the number of attempts."""
        await self._take()
        begun = list(self._tries)
        await asyncio.gather(*begun)
        return len(begun)

    async def _turn(self) -> float:
        """Begin the attempts that are due. Return the seconds until the next look."""
        now = self._world.clock()
        self._metrics.outbox_is(await self._outbox.oldest(now))
        if len(self._tries) >= self._limits.max_deliveries:
            return self._limits.interval_s  # the end of an attempt sets `woken`
        due = await self._outbox.next_due()
        if due is None or due > now:
            return self._limits.interval_s if due is None else min((due - now).total_seconds(), self._limits.interval_s)
        return 0 if await self._take() else self._limits.interval_s

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _take(self) -> int:
        """Hold what is due and begin its attempts; put back what exceeds a limit.

        Return how many deliveries were held.
        """
        now = self._world.clock()
        until = {channel: now + hold for channel, hold in self._holds.items()}
        taken = await self._outbox.hold(self._limits.max_deliveries - len(self._tries), until, now)
        aside = [held for held in taken if not self._begin(held)]
        failing = [held for held in aside if self._loads.failing(self._bounds(held))]
        await self._put_back([held for held in aside if held not in failing], self._limits.aside)
        await self._put_back(failing, self._limits.long_aside)
        return len(taken)

    def _begin(self, held: Held) -> bool:
        bounds = self._bounds(held)
        if not self._loads.begin(bounds):
            return False
        task = asyncio.create_task(self._try(held))
        self._tries.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, bounds))
        return True

    def _ended(self, task: asyncio.Task[None], bounds: Mapping[str, int]) -> None:
        if len(self._tries) >= self._limits.max_deliveries:
            self._woken.set()
        self._tries.discard(task)
        self._loads.end(bounds)

    def _bounds(self, held: Held) -> dict[str, int]:
        tenant = f"tenant {held.delivery.tenant}"
        return {self._receiver(held.delivery): self._limits.max_per_receiver, tenant: self._limits.max_per_tenant}

    def _receiver(self, delivery: Delivery) -> str:
        sender = self._senders.get(delivery.channel)
        return f"{delivery.channel.value} {sender.receiver(delivery) if sender else ''}".strip()

    async def _put_back(self, busy: list[Held], aside: timedelta) -> None:
        if busy:
            await self._outbox.put_back(busy, self._world.clock() + aside * (1 + self._world.random()))

    async def _try(self, held: Held) -> None:
        with self._tracer.span(
            SpanName.NOTIFY, carried(held.delivery.trace), _attributes(held.delivery), Kind.CLIENT
        ) as span:
            logs.begin(**log_fields())
            await self._tried(held, span)

    async def _tried(self, held: Held, span: Span) -> None:
        begun = self._world.monotonic()
        try:
            result = await self._send(held.delivery)
            if isinstance(result, Postponed):
                span.note({Attribute.OUTCOME: "postponed"})
                await self._put_back([held], self._limits.aside)
                return
            self._loads.tried(self._bounds(held), failed=isinstance(result, Failed))
            fate, in_time = await self._settle(held, result)
            span.note({Attribute.OUTCOME: fate})
            if isinstance(result, Failed):
                span.fail(fate)
        except Exception:  # noqa: BLE001 - it is retried when the hold lapses
            logs.get().exception("notification_not_stored", delivery_id=held.delivery.id)
            return
        if held.delivery.event:
            self._woken.set()  # a later event of the export may have waited for this one
        self._tell(held.delivery, result.outcome, fate, seconds=self._world.monotonic() - begun, in_time=in_time)

    async def _send(self, delivery: Delivery) -> Accepted | Failed | Postponed:
        sender = self._senders.get(delivery.channel)
        if sender is None:
            return Failed("this server is not set up to send it")
        try:
            return await sender.send(delivery)
        except Exception:  # noqa: BLE001 - a defect must not end the attempts of a delivery
            logs.get().exception("notification_failed", delivery_id=delivery.id)
            return Failed("internal error")

    async def _settle(self, held: Held, result: Accepted | Failed) -> tuple[str, bool]:
        """Store the outcome. Return it in one word, and whether the hold was still valid."""
        now = self._world.clock()
        if isinstance(result, Accepted):
            return "sent", await self._outbox.sent(held, result.outcome, now)
        wait = delay(result, held.delivery.attempt, self._world.random())
        if wait is None:
            return "given_up", await self._outbox.give_up(held, result.outcome, now)
        return "again", await self._outbox.try_again(held, result.outcome, now + wait, now)

    def _tell(self, delivery: Delivery, outcome: str, fate: str, *, seconds: float, in_time: bool) -> None:
        self._metrics.notified(delivery.channel.value, fate)
        logs.get().info(
            "notification_tried",
            delivery_id=delivery.id,
            export_id=delivery.export_id,
            channel=delivery.channel.value,
            receiver=self._receiver(delivery),
            attempt=delivery.attempt,
            outcome=outcome,
            fate=fate if in_time else "hold_lapsed",
            seconds=round(seconds, 3),
        )

    async def _finish(self, grace_s: float, now: asyncio.Event) -> None:
        left = list(self._tries)
        ended = asyncio.ensure_future(asyncio.gather(*left, return_exceptions=True))
        cut = asyncio.ensure_future(now.wait())
        either: set[asyncio.Future[Any]] = {ended, cut}
        await asyncio.wait(either, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
        for future in (cut, *left):
            future.cancel()
        await asyncio.gather(cut, *left, return_exceptions=True)


def _attributes(delivery: Delivery) -> Attributes:
    return {
        Attribute.EXPORT_ID: delivery.export_id,
        Attribute.TENANT: delivery.tenant,
        Attribute.RUN: delivery.run,
        Attribute.ATTEMPT: delivery.attempt,
        Attribute.CHANNEL: delivery.channel.value,
    }
