"""Events in the format of Syntage, from a change in the database to a real receiver that verifies them by itself."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.api.domain.callbacks import CallbackFormat
from services.api.domain.notifications import DeliveryState
from services.api.notify.schedule import DELAYS
from services.api.notify.signing import signed_event
from tests.integration.notify.conftest import SECRETS, Office, eventually
from tests.integration.notify.test_killed import killed
from tests.ports.samples import OPTIONS, START
from tests.servers.webhook import Answer, Receiver, Request
from tests.tiers import deep_but

TOLERANCE_S = 300
EVENTS = replace(OPTIONS, callback_format=CallbackFormat.SYNTAGE)
TYPES = ["export.created", "export.updated", "file.created", "export.updated"]


class Forged(Exception):
    """A receiver refuses what it was sent."""


def verified(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> dict[str, Any]:
    """What a receiver of Syntage's does: the key is the text of the secret."""
    parts = dict(part.split("=", 1) for part in headers["x-syntage-signature"].split(","))
    expected = hmac.new(secret.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, parts["s"]):
        raise Forged("signature")
    if abs(now - int(parts["t"])) > TOLERANCE_S:
        raise Forged("time")
    event: dict[str, Any] = json.loads(body)
    return event


def received(request: Request, at: float = START.timestamp()) -> dict[str, Any]:
    (secret,) = SECRETS.shown("acme")
    return verified(request.headers, request.body, secret, at)


async def send_all(office: Office, tries: int = 4) -> None:
    """Send one event after the other."""
    for _ in range(tries):
        await office.notifier().run_once()


async def test_a_receiver_verifies_each_event_of_an_export_in_order(office: Office, receiver: Receiver) -> None:
    export = await office.completed(callback_url=receiver.url(), options=EVENTS)
    await send_all(office)
    events = [received(request) for request in receiver.requests]
    assert [event["type"] for event in events] == TYPES
    assert [event["data"]["changes"] for event in events] == [
        {},
        {"status": {"old": "pending", "new": "running"}},
        {},
        {"status": {"old": "running", "new": "finished"}},
    ]
    assert export.file is not None
    paths = [f"/exports/{export.id}", f"/exports/{export.id}", f"/files/{export.file.id}", f"/exports/{export.id}"]
    assert [event["resource"] for event in events] == paths == [event["data"]["object"]["@id"] for event in events]
    assert {event["source"] for event in events} == {paths[0]}
    assert len({event["id"] for event in events}) == len(TYPES)
    assert (await office.reread(export)).callback_sent


async def test_the_headers_are_those_of_syntage(office: Office, receiver: Receiver) -> None:
    await office.completed(callback_url=receiver.url(), options=EVENTS)
    await office.notifier().run_once()
    (request,) = receiver.requests
    digest = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
    assert request.headers["content-digest"] == f"sha-256=:{digest}:"
    assert request.headers["x-satws-signature"] == request.headers["x-syntage-signature"]
    assert request.headers["content-type"] == "application/json"
    assert not any(name.startswith("webhook-") for name in request.headers)


async def test_a_retry_has_the_same_bytes_and_a_new_time(office: Office, receiver: Receiver) -> None:
    receiver.always = Answer(500)
    await office.cancelled(callback_url=receiver.url(), options=EVENTS)
    for delay in (timedelta(), DELAYS[0], DELAYS[1]):
        office.clock.now += delay
        await office.notifier().run_once()
    first, *again = [request for request in receiver.requests if json.loads(request.body)["type"] == "export.created"]
    assert [request.body for request in again] == [first.body] * 2
    later = START + DELAYS[0] + DELAYS[1]
    assert received(again[-1], later.timestamp())["id"] == received(first)["id"]
    with pytest.raises(Forged, match="time"):
        received(first, later.timestamp())


async def test_a_changed_body_a_changed_time_and_another_secret_are_refused(office: Office, receiver: Receiver) -> None:
    await office.completed(callback_url=receiver.url(), options=EVENTS)
    await office.notifier().run_once()
    (request,) = receiver.requests
    (secret,), (other,) = SECRETS.shown("acme"), SECRETS.shown("other")
    now = START.timestamp()
    later = request.headers["x-syntage-signature"].replace(f"t={int(now)}", f"t={int(now) + 1}")
    for headers, body, key in (
        (request.headers, request.body + b" ", secret),
        ({"x-syntage-signature": later}, request.body, secret),
        (request.headers, request.body, other),
    ):
        with pytest.raises(Forged, match="signature"):
            verified(headers, body, key, now)


def test_while_one_secret_replaces_another_the_older_one_signs() -> None:
    headers = signed_event(START, b"{}", (b"n" * 24, b"o" * 24))
    old = "whsec_" + base64.b64encode(b"o" * 24).decode()
    assert verified(headers, b"{}", old, START.timestamp()) == {}


async def test_an_event_that_is_refused_for_good_does_not_hold_up_the_others(
    office: Office, receiver: Receiver
) -> None:
    receiver.answers = [Answer(410)]
    export = await office.completed(callback_url=receiver.url(), options=EVENTS)
    await send_all(office)
    deliveries = await office.store.outbox.deliveries("acme", export.id)
    assert [(each.event, each.state is DeliveryState.SENT) for each in deliveries] == [
        (TYPES[0], False), *((each, True) for each in TYPES[1:])
    ]  # fmt: skip


async def test_the_notifier_goes_on_to_the_next_event_by_itself(office: Office, receiver: Receiver) -> None:
    await office.completed(callback_url=receiver.url(), options=EVENTS)
    async with office.notifier().running(grace_s=30):
        await eventually(lambda: len(receiver.requests) == len(TYPES))
    assert [json.loads(request.body)["type"] for request in receiver.requests] == TYPES


async def test_other_tenants_keep_the_eight_fields_and_standard_webhooks(office: Office, receiver: Receiver) -> None:
    await office.completed(callback_url=receiver.url())
    await office.notifier().run_once()
    (request,) = receiver.requests
    assert len(json.loads(request.body)) == 8
    assert "webhook-signature" in request.headers
    assert not {"x-syntage-signature", "content-digest"} & request.headers.keys()


@pytest.mark.parametrize("until", deep_but(["committed", "held"], "held"))
async def test_what_a_killed_process_had_committed_is_told_once_under_one_id(
    office: Office, receiver: Receiver, tmp_path: Path, until: str
) -> None:
    """Fault 23 for events: each is told, in order, and none under two ids."""
    export_id = killed(tmp_path / "exportd.sqlite3", receiver.url(), until, "syntage")
    office.clock.real = True
    async with office.notifier().running(grace_s=30):
        await eventually(lambda: len(receiver.requests) == 2)
    events = [json.loads(request.body) for request in receiver.requests]
    assert [event["type"] for event in events] == ["export.created", "export.updated"]
    deliveries = await office.store.outbox.deliveries("acme", export_id)
    assert [each.state for each in deliveries] == [DeliveryState.SENT] * 2
    assert [event["id"].replace("-", "") for event in events] == [each.id.removeprefix("msg_") for each in deliveries]
