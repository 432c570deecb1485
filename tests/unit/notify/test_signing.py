"""The public vectors of Standard Webhooks, and its own library as the receiver."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from services.api.notify.signing import CallbackSecrets, signed
from services.api.secrets.server_keys import ServerKeys

KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
OLD = b"an older secret, of 32 bytes ..."
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def no_secret(_: str) -> tuple[bytes, ...]:
    """What the tenants file says when it has none."""
    return ()


VECTORS = [
    (
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    (
        "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        1649367553,
        b'{"email":"test@example.com","username":"test_user"}',
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    ),
]


@pytest.mark.parametrize(("secret", "message_id", "timestamp", "body", "signature"), VECTORS)
def test_the_public_vectors_come_out(secret: str, message_id: str, timestamp: int, body: bytes, signature: str) -> None:
    headers = signed(message_id, datetime.fromtimestamp(timestamp, UTC), body, [base64.b64decode(secret)])
    assert headers == {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }


@settings(deadline=None)
@given(key=st.binary(min_size=24, max_size=64), text=st.text())
def test_the_public_library_believes_what_is_signed(key: bytes, text: str) -> None:
    body = f'{{"text":{text!r}}}'.encode("utf-8", "replace")
    headers = signed("msg_1", datetime.now(UTC), body, [key])
    Webhook(key).verify(body, headers, json_parse=False)


def test_it_does_not_believe_another_body_id_or_key() -> None:
    headers = signed("msg_1", datetime.now(UTC), b"{}", [KEY])
    for key, body, changed in ((KEY, b"{ }", {}), (KEY, b"{}", {"webhook-id": "msg_2"}), (OLD, b"{}", {})):
        with pytest.raises(WebhookVerificationError):
            Webhook(key).verify(body, headers | changed)


def test_while_a_secret_is_replaced_both_sign() -> None:
    headers = signed("msg_1", datetime.now(UTC), b"{}", [KEY, OLD])
    assert len(headers["webhook-signature"].split(" ")) == 2
    for key in (KEY, OLD):
        Webhook(key).verify(b"{}", headers)


def test_fractions_of_a_second_are_cut_off() -> None:
    at_the_end = NOW.replace(microsecond=999_999)
    assert signed("msg_1", at_the_end, b"", [KEY])["webhook-timestamp"] == str(int(NOW.timestamp()))


def test_a_tenant_without_secrets_of_its_own_has_one_derived_from_the_servers_key() -> None:
    secrets = CallbackSecrets(ServerKeys.of(b"k" * 32), lambda tenant: (KEY, OLD) if tenant == "acme" else ())
    assert secrets.of("acme") == (KEY, OLD)
    (derived,) = secrets.of("default")
    assert len(derived) == 32
    assert secrets.of("default") == CallbackSecrets(ServerKeys.of(b"k" * 32), no_secret).of("default")
    assert derived not in (*secrets.of("other"), *CallbackSecrets(ServerKeys.of(b"l" * 32), no_secret).of("default"))


def test_a_secret_is_shown_as_the_receivers_library_takes_it() -> None:
    secrets = CallbackSecrets(ServerKeys.of(b"k" * 32), no_secret)
    (shown,) = secrets.shown("default")
    assert shown.startswith("whsec_")
    Webhook(shown).verify(b"{}", signed("msg_1", datetime.now(UTC), b"{}", secrets.of("default")))


def test_a_tenant_whose_list_is_empty_still_signs() -> None:
    assert len(CallbackSecrets(ServerKeys.of(b"k" * 32), no_secret).of("acme")) == 1
