"""From an end in the database to its receivers, and back."""

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from services.api.domain.notifications import Channel, Delivery, DeliveryState
from services.api.notify.notifier import NotifierLimits
from services.api.notify.schedule import DELAYS, MAX_ATTEMPTS, Accepted, Postponed
from services.api.ports.outbox import Outbox
from services.api.storage.sql.tables import deliveries
from services.contract.errors import StoreUnavailable
from tests.integration.notify.conftest import HOLD, LIMITS, SECRETS, Office, eventually
from tests.ports.samples import START
from tests.servers.smtp import MailServer
from tests.servers.webhook import Answer, Receiver, webhook_receiver

SECOND = timedelta(seconds=1)


async def test_an_end_is_called_back_with_its_eight_fields(office: Office, receiver: Receiver) -> None:
    export = await office.completed(callback_url=receiver.url())
    assert await office.notifier().run_once() == 1
    assert json.loads(receiver.requests[0].body) == {
        "idExportJob": export.id,
        "exportType": "Invoices",
        "success": True,
        "status": "COMPLETED",
        "errorMessages": [],
        "durationMs": 0,
        "fileName": "invoices.zip",
        "fileSizeBytes": 4096,
    }
    delivery = await office.delivery(export)
    assert (delivery.state, delivery.attempt) == (DeliveryState.SENT, 1)
    assert [each.outcome for each in delivery.tries] == ["204"]
    told = await office.reread(export)
    assert (told.callback_sent, told.email_sent) == (True, False)


async def test_an_end_is_mailed(office: Office, mails: MailServer) -> None:
    export = await office.cancelled(notify_email="anna@example.com")
    await office.notifier().run_once()
    (mail,) = mails.mails
    assert mail.message["Subject"] == "Export did not complete: Invoices"
    told = await office.reread(export)
    assert (told.callback_sent, told.email_sent) == (False, True)


async def test_both_channels_are_told_each_on_its_own(office: Office, receiver: Receiver, mails: MailServer) -> None:
    mails.data = "451 disk full"
    export = await office.completed(callback_url=receiver.url(), notify_email="anna@example.com")
    assert await office.notifier().run_once() == 2
    told = await office.reread(export)
    assert (told.callback_sent, told.email_sent) == (True, False)


async def test_nothing_is_told_before_acceptance_and_a_failure_is_tried_again_on_schedule(
    office: Office, receiver: Receiver
) -> None:
    receiver.answers = [Answer(500), Answer(503)]
    export = await office.completed(callback_url=receiver.url())
    notifier = office.notifier()
    await notifier.run_once()
    assert not (await office.reread(export)).callback_sent
    assert (await office.delivery(export)).next_attempt_time == START + DELAYS[0]
    assert await notifier.run_once() == 0
    for delay in DELAYS[:2]:
        office.clock.now += delay
        assert await notifier.run_once() == 1
    assert (await office.reread(export)).callback_sent
    assert [each.outcome for each in (await office.delivery(export)).tries] == ["500", "503", "204"]


async def test_every_try_has_the_same_id_and_its_own_time(office: Office, receiver: Receiver) -> None:
    receiver.answers = [Answer(500)]
    await office.completed(callback_url=receiver.url())
    notifier = office.notifier()
    await notifier.run_once()
    office.clock.now += DELAYS[0]
    await notifier.run_once()
    first, again = (request.headers for request in receiver.requests)
    assert first["webhook-id"] == again["webhook-id"]
    assert int(again["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 5
    assert first["webhook-signature"] != again["webhook-signature"]


async def test_after_its_last_try_a_delivery_is_given_up_until_an_operator_repeats_it(
    office: Office, receiver: Receiver
) -> None:
    receiver.always = Answer(500)
    export = await office.completed(callback_url=receiver.url())
    notifier = office.notifier()
    for _ in range(MAX_ATTEMPTS):
        assert await notifier.run_once() == 1
        office.clock.now += timedelta(days=1)
    assert await notifier.run_once() == 0
    delivery = await office.delivery(export)
    assert (delivery.state, delivery.attempt) == (DeliveryState.GIVEN_UP, MAX_ATTEMPTS)
    receiver.always = Answer(204)
    await office.store.outbox.redeliver("acme", delivery.id, office.clock())
    assert await notifier.run_once() == 1
    assert (await office.delivery(export)).state is DeliveryState.SENT
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


async def test_gone_ends_a_delivery_at_once(office: Office, receiver: Receiver) -> None:
    receiver.always = Answer(410)
    export = await office.completed(callback_url=receiver.url())
    await office.notifier().run_once()
    assert (await office.delivery(export)).state is DeliveryState.GIVEN_UP
    assert not (await office.reread(export)).callback_sent


async def test_a_mailbox_that_does_not_exist_ends_a_delivery_at_once(office: Office, mails: MailServer) -> None:
    mails.recipient = "550 nobody of that name"
    export = await office.completed(notify_email="nobody@example.com")
    await office.notifier().run_once()
    delivery = await office.delivery(export)
    assert (delivery.state, delivery.tries[0].outcome) == (DeliveryState.GIVEN_UP, "550: the address was refused")


async def test_a_receivers_wish_for_patience_is_granted(office: Office, receiver: Receiver) -> None:
    receiver.always = Answer(503, {"retry-after": "3600"})
    export = await office.completed(callback_url=receiver.url())
    await office.notifier().run_once()
    assert (await office.delivery(export)).next_attempt_time == START + timedelta(hours=1)


async def test_what_cannot_be_sent_at_present_waits(office: Office) -> None:
    del office.senders[Channel.EMAIL]
    export = await office.completed(notify_email="anna@example.com")
    await office.notifier().run_once()
    assert (await office.delivery(export)).state is DeliveryState.PENDING


class Defective:
    """A sender with a defect."""

    def receiver(self, _delivery: Delivery) -> str:
        return ""

    async def send(self, delivery: Delivery) -> Accepted:
        raise RuntimeError(delivery.target)


async def test_a_defect_of_a_sender_is_a_failure_whose_text_is_shown_to_nobody(
    office: Office, mails: MailServer
) -> None:
    office.senders[Channel.CALLBACK] = Defective()
    export = await office.completed(callback_url="https://receiver.example/?token=secret")
    await office.cancelled(notify_email="anna@example.com")
    await office.notifier().run_once()
    delivery = await office.delivery(export)
    assert delivery.state is DeliveryState.PENDING
    assert [each.outcome for each in delivery.tries] == ["internal error"]
    assert len(mails.mails) == 1


class OnceUnavailable:
    """An outbox that the first call of one verb does not reach."""

    def __init__(self, outbox: Outbox, verb: str) -> None:
        self._outbox = outbox
        self._verb = verb

    def __getattr__(self, name: str) -> Any:
        if name != self._verb:
            return getattr(self._outbox, name)
        self._verb = ""
        return self._unavailable

    async def _unavailable(self, *_: object) -> NoReturn:
        raise StoreUnavailable


async def test_an_acceptance_that_could_not_be_stored_means_the_same_message_twice(
    office: Office, receiver: Receiver
) -> None:
    export = await office.completed(callback_url=receiver.url())
    notifier = office.notifier(OnceUnavailable(office.store.outbox, "sent"))
    await notifier.run_once()
    assert (await office.delivery(export)).state is DeliveryState.PENDING
    assert await notifier.run_once() == 0
    office.clock.now += HOLD
    assert await notifier.run_once() == 1
    first, again = (request.headers["webhook-id"] for request in receiver.requests)
    assert first == again
    assert (await office.delivery(export)).state is DeliveryState.SENT


async def test_two_notifiers_never_send_the_same(office: Office, receiver: Receiver) -> None:
    for _ in range(LIMITS.max_per_receiver):
        await office.cancelled(callback_url=receiver.url())
    begun = await asyncio.gather(*(office.notifier().run_once() for _ in range(2)))
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert sum(begun) == len(ids) == len(set(ids)) == LIMITS.max_per_receiver


def without_a_try(db: sa.Connection) -> list[tuple[DeliveryState, list[object]]]:
    """States and tries where none counts, all at one moment: what finds no room is held for an instant, too."""
    found = db.execute(sa.select(deliveries.c.state, deliveries.c.tries).where(deliveries.c.attempt == 0))
    return [(state, tries) for state, tries in found]


async def test_a_dead_receiver_does_not_keep_others_waiting(office: Office, receiver: Receiver) -> None:
    limits = NotifierLimits(max_deliveries=(at_once := 8), max_per_receiver=(to_one := 3), aside=SECOND / 10)
    office.clock.real = True
    dead = [await office.cancelled(callback_url=receiver.url()) for _ in range(2 * at_once)]
    receiver.always = Answer(go=(awake := asyncio.Event()))
    async with webhook_receiver() as other:
        await office.cancelled(callback_url=other.url())
        async with office.notifier(limits=limits).running(grace_s=30):
            await eventually(lambda: len(other.requests) == 1)
            await eventually(lambda: receiver.most_at_once == to_one)
            untried = await office.database.read(without_a_try)
            assert len(untried) >= len(dead) - at_once
            assert all(one == (DeliveryState.PENDING, []) for one in untried)
            awake.set()
            await eventually(lambda: len(receiver.requests) == len(dead))
    assert receiver.most_at_once == to_one
    assert {(await office.delivery(export)).attempt for export in dead} == {1}


async def test_a_tenant_with_many_receivers_that_do_not_answer_does_not_keep_another_waiting(
    office: Office, receiver: Receiver
) -> None:
    limits = NotifierLimits(max_deliveries=(at_once := 8), max_per_tenant=(of_one := 3), aside=SECOND / 10)
    office.clock.real = True
    async with AsyncExitStack() as stack:
        dead = [await stack.enter_async_context(webhook_receiver()) for _ in range(2 * at_once)]
        awake = asyncio.Event()
        for one in dead:
            one.always = Answer(go=awake)
            await office.cancelled("evil", callback_url=one.url())
        await office.cancelled("good", callback_url=receiver.url())
        async with office.notifier(limits=limits).running(grace_s=30):
            await eventually(lambda: len(receiver.requests) == 1)
            await eventually(lambda: sum(one.most_at_once for one in dead) == of_one)
            awake.set()
            await eventually(lambda: all(len(one.requests) == 1 for one in dead))


async def test_what_could_not_begin_is_put_back_and_counts_as_no_try(office: Office) -> None:
    class Full:
        """Has no room."""

        def receiver(self, _delivery: Delivery) -> str:
            return ""

        async def send(self, _delivery: Delivery) -> Postponed:
            return Postponed()

    office.senders[Channel.CALLBACK] = Full()
    export = await office.cancelled(callback_url="https://receiver.example/")
    assert await office.notifier().run_once() == 1
    delivery = await office.delivery(export)
    assert (delivery.state, delivery.attempt, delivery.tries) == (DeliveryState.PENDING, 0, ())
    assert delivery.next_attempt_time == START + LIMITS.aside


async def test_an_end_is_announced_as_soon_as_the_notifier_is_woken(office: Office, receiver: Receiver) -> None:
    office.clock.real = True
    async with office.notifier(limits=NotifierLimits(interval_s=3600)).running(grace_s=30):
        for count in (1, 2):
            await office.cancelled(callback_url=receiver.url())
            office.woken.set()
            await eventually(lambda: len(receiver.requests) == count)  # noqa: B023 - it is awaited here


async def test_what_is_under_way_may_end_when_the_notifier_stops_and_nothing_new_begins(
    office: Office, receiver: Receiver
) -> None:
    office.clock.real = True
    receiver.answers = [Answer(go=(answer := asyncio.Event()))]
    export = await office.cancelled(callback_url=receiver.url())
    stop = asyncio.Event()

    async def announce() -> None:
        async with office.notifier().running(grace_s=30):
            await stop.wait()

    announcing = asyncio.create_task(announce())
    await eventually(lambda: len(receiver.requests) == 1)
    stop.set()
    await asyncio.sleep(0)  # so that it has begun to stop
    later = await office.cancelled(callback_url=receiver.url())
    answer.set()
    await announcing
    assert (await office.delivery(export)).state is DeliveryState.SENT
    assert (await office.delivery(later)).attempt == 0


@pytest.mark.parametrize(("grace_s", "told_to_stop_now"), [(0, False), (3600, True)])
async def test_what_does_not_end_in_time_is_sent_by_the_next_process(
    office: Office, receiver: Receiver, grace_s: float, *, told_to_stop_now: bool
) -> None:
    office.clock.real = True
    receiver.answers = [Answer(go=asyncio.Event())]
    export = await office.cancelled(callback_url=receiver.url())
    now = asyncio.Event()
    if told_to_stop_now:
        now.set()
    async with office.notifier().running(grace_s, now):
        await eventually(lambda: len(receiver.requests) == 1)
    held = await office.delivery(export)
    assert (held.state, held.attempt) == (DeliveryState.PENDING, 1)
    office.clock.real, office.clock.now = False, office.clock() + HOLD
    assert await office.notifier().run_once() == 1
    assert (await office.delivery(export)).state is DeliveryState.SENT


async def test_what_is_tried_is_counted_and_the_oldest_is_known(office: Office, receiver: Receiver) -> None:
    receiver.always = Answer(500)
    await office.completed(callback_url=receiver.url())
    office.clock.now += 100 * SECOND
    async with office.notifier().running(grace_s=30):
        await eventually(lambda: len(receiver.requests) == 1)
    figure = office.metrics.registry.get_sample_value
    assert figure("exportd_notifications_total", {"channel": "CALLBACK", "outcome": "again"}) == 1
    assert figure("exportd_outbox_oldest_seconds") == 100


async def test_each_try_is_one_line_of_the_log_without_what_a_url_holds(office: Office, receiver: Receiver) -> None:
    receiver.always = Answer(500, body=b"words of the receiver")
    export = await office.completed(callback_url=receiver.url("/hook?token=sesame"))
    with capture_logs() as lines:
        await office.notifier().run_once()
    (line,) = lines
    assert (line["event"], line["export_id"], line["fate"]) == ("notification_tried", export.id, "again")
    assert all(secret not in str(line) for secret in ("sesame", "words", SECRETS.shown("acme")[0]))


async def test_a_store_that_fails_for_a_while_ends_nothing(office: Office, receiver: Receiver) -> None:
    await office.completed(callback_url=receiver.url())
    limits = NotifierLimits(interval_s=0.01)
    async with office.notifier(OnceUnavailable(office.store.outbox, "next_due"), limits).running(grace_s=30):
        await eventually(lambda: len(receiver.requests) == 1)


async def test_a_hold_that_has_lapsed_settles_nothing(office: Office, receiver: Receiver) -> None:
    export = await office.completed(callback_url=receiver.url())
    (held,) = await office.store.outbox.hold(1, START + SECOND, START)
    (newer,) = await office.store.outbox.hold(1, START + 2 * SECOND, START + SECOND)
    assert not await office.store.outbox.sent(held, "204", START + SECOND)
    await office.store.outbox.put_back([replace(newer, lease_id="another")], START + 9 * SECOND)
    assert (await office.delivery(export)).attempt == 2
    await office.store.outbox.put_back([newer], START + 9 * SECOND)
    delivery = await office.delivery(export)
    assert (delivery.attempt, delivery.next_attempt_time, delivery.tries) == (1, START + 9 * SECOND, ())
