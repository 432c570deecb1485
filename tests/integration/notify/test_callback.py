"""Callbacks against a real receiver."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from services.api.notify.addresses import AddressRules
from services.api.notify.callback import CallbackSender, wait_asked
from services.api.notify.resolver import CheckedResolver, Lookup, LookupLimits
from services.api.notify.schedule import Accepted, Failed
from services.api.notify.signing import CallbackSecrets
from services.api.notify.trust import Trust
from services.api.secrets.server_keys import ServerKeys
from services.runtime.addresses import numeric
from tests.integration.notify.samples import LOOPBACK, NOTICE, callback_to
from tests.servers.certificates import certified, certified_by_lax_authority, strictly_trusting, usually_trusting
from tests.servers.webhook import Answer, Receiver, webhook_receiver

SECRETS = CallbackSecrets(ServerKeys.of(b"k" * 32), lambda _: ())
RULES = AddressRules(networks=LOOPBACK, ports=(range(1, 65536),), http=True)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def sender(
    rules: AddressRules = RULES,
    timeout_s: float = 20,
    tls: ssl.SSLContext | None = None,
    lookup: Lookup = numeric,
) -> AbstractAsyncContextManager[CallbackSender]:
    return CallbackSender(
        rules,
        SECRETS,
        lambda: datetime.now(UTC),
        timeout=timedelta(seconds=timeout_s),
        trust=Trust(lambda: tls or usually_trusting()),
        resolver=CheckedResolver(rules, LookupLimits(), lookup),
    )


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with webhook_receiver() as running:
        yield running


async def test_the_notice_arrives_as_signed_json_with_its_eight_fields_in_order(receiver: Receiver) -> None:
    async with sender() as callbacks:
        assert await callbacks.send(callback_to(receiver.url("/hook?token=x%2Fy"))) == Accepted("204")
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/hook?token=x%2Fy")
    assert list(json.loads(request.body).items()) == list(NOTICE.items())
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "exportd"
    assert request.headers["webhook-id"] == "msg_1"
    (secret,) = SECRETS.shown("default")
    assert Webhook(secret).verify(request.body, dict(request.headers)) == NOTICE


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_two_hundreds_are_acceptance(receiver: Receiver, status: int) -> None:
    receiver.always = Answer(status)
    async with sender() as callbacks:
        assert await callbacks.send(callback_to(receiver.url())) == Accepted(str(status))


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_other_answers_are_failures_that_may_pass(receiver: Receiver, status: int) -> None:
    receiver.always = Answer(status, body=b"secret words of the receiver")
    async with sender() as callbacks:
        assert await callbacks.send(callback_to(receiver.url())) == Failed(str(status))


@pytest.mark.parametrize("retry_after", ["60", "9" * 20, f"Fri, 31 Dec {'9' * 20} 23:59:59 GMT"])
async def test_gone_is_for_good_whatever_patience_it_asks_for(receiver: Receiver, retry_after: str) -> None:
    receiver.always = Answer(410, {"retry-after": retry_after})
    async with sender() as callbacks:
        result = await callbacks.send(callback_to(receiver.url()))
    assert isinstance(result, Failed)
    assert (result.outcome, result.for_good) == ("410", True)


async def test_gone_is_for_good(receiver: Receiver) -> None:
    receiver.always = Answer(410)
    async with sender() as callbacks:
        assert await callbacks.send(callback_to(receiver.url())) == Failed("410", for_good=True)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(receiver: Receiver, status: int) -> None:
    receiver.always = Answer(status, {"location": receiver.url("/elsewhere")})
    async with sender() as callbacks:
        result = await callbacks.send(callback_to(receiver.url()))
    assert result == Failed(f"{status}: redirects are not followed")
    assert [request.path for request in receiver.requests] == ["/hook"]


async def test_a_receivers_wish_for_patience_is_heard(receiver: Receiver) -> None:
    receiver.always = Answer(429, {"retry-after": "120"})
    async with sender() as callbacks:
        assert await callbacks.send(callback_to(receiver.url())) == Failed("429", timedelta(minutes=2))


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("0", timedelta()),
        ("Sun, 01 Nov 2026 12:10:00 GMT", timedelta(minutes=10)),
        ("Sun, 01 Nov 2026 13:10:00 +0100", timedelta(minutes=10)),
        ("Sun, 01 Nov 2026 11:00:00 GMT", timedelta()),
        ("Sun, 01 Nov 2026 12:10:00 -0000", timedelta(minutes=10)),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("9" * 20, None),
        ("9" * 100, None),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
    ],
)
def test_patience_is_asked_for_in_seconds_or_until_a_date(text: str, wait: timedelta | None) -> None:
    assert wait_asked(text, NOW) == wait


@settings(deadline=None)
@given(text=st.text(max_size=60) | st.from_regex(r"\w{3}, \d{1,3} Nov \d{1,30} \d\d:\d\d:\d\d [+-]?\d{0,9}"))
def test_no_wish_for_patience_is_beyond_understanding(text: str) -> None:
    wait = wait_asked(text, NOW)
    assert wait is None or wait >= timedelta()


async def test_a_receiver_that_does_not_answer_is_given_up_in_time(receiver: Receiver) -> None:
    receiver.always = Answer(go=(never := asyncio.Event()))
    async with sender(timeout_s=0.2) as callbacks:
        assert await callbacks.send(callback_to(receiver.url())) == Failed("timed out")
    never.set()


async def test_a_name_server_that_does_not_answer_is_given_up_in_time(receiver: Receiver) -> None:
    answer = asyncio.Event()
    loop = asyncio.get_running_loop()

    def lookup(_host: str, _port: int) -> list[str]:
        asyncio.run_coroutine_threadsafe(answer.wait(), loop).result()
        return ["127.0.0.1"]

    async with sender(timeout_s=0.2, lookup=lookup) as callbacks:
        assert await callbacks.send(callback_to(receiver.url(host="receiver.test"))) == Failed("timed out")
        answer.set()
    assert receiver.requests == []


async def test_a_huge_answer_is_not_read(receiver: Receiver) -> None:
    receiver.always = Answer(200, {"content-encoding": "gzip"}, b"not gzip" * 4_000_000)
    async with sender() as callbacks:
        assert await callbacks.send(callback_to(receiver.url())) == Accepted("200")


async def test_what_is_not_http_is_a_failure() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")  # one that is hung up on in the middle of it would hear of a cut
        writer.write(b"* what?\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, sender() as callbacks:
        result = await callbacks.send(callback_to(f"http://127.0.0.1:{port}/"))
    assert result == Failed("the response is not HTTP")


async def test_a_connection_that_is_cut_is_a_failure() -> None:
    async def cut(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, sender() as callbacks:
        assert await callbacks.send(callback_to(f"http://127.0.0.1:{port}/")) == Failed("the connection was cut")
    async with sender() as callbacks:  # nobody listens any more
        assert await callbacks.send(callback_to(f"http://127.0.0.1:{port}/")) == Failed("could not connect")


async def test_the_address_that_was_checked_is_the_one_connected_to_and_it_is_asked_for_once(
    receiver: Receiver,
) -> None:
    asked: list[str] = []

    def lookup(host: str, _port: int) -> list[str]:
        """Its second answer would be another one: what an attacker's name server does."""
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.9.9.9"]

    async with sender(lookup=lookup) as callbacks:
        assert await callbacks.send(callback_to(receiver.url(host="receiver.test"))) == Accepted("204")
        assert asked == ["receiver.test"]
        again = await callbacks.send(callback_to(receiver.url(host="receiver.test")))
    assert asked == ["receiver.test"] * 2
    assert again == Failed("could not connect")
    assert receiver.requests[0].headers["host"] == f"receiver.test:{receiver.port}"


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "169.254.169.254"], ["64:ff9b::7f00:1"], ["::127.0.0.1"]],
)
async def test_a_name_that_leads_astray_is_not_connected_to(receiver: Receiver, addresses: list[str]) -> None:
    async with sender(lookup=lambda _host, _port: addresses) as callbacks:
        result = await callbacks.send(callback_to(receiver.url(host="receiver.test")))
    assert isinstance(result, Failed)
    assert result.outcome == "refused: the host resolves to an address that is not public"
    assert receiver.requests == []


async def test_without_permission_neither_loopback_nor_the_name_of_it_is_called(receiver: Receiver) -> None:
    async with sender(AddressRules(ports=RULES.ports, http=True)) as callbacks:
        by_address = await callbacks.send(callback_to(receiver.url()))
        by_name = await callbacks.send(callback_to(receiver.url(host="localhost")))
    assert isinstance(by_address, Failed)
    assert by_name == Failed("refused: the host resolves to an address that is not public")
    assert receiver.requests == []


async def test_a_host_without_address_is_a_failure() -> None:
    def lookup(_host: str, _port: int) -> list[str]:
        raise OSError

    async with sender(lookup=lookup) as callbacks:
        result = await callbacks.send(callback_to("http://nobody.test/"))
    assert result == Failed("the host's name has no address")


async def test_the_environments_proxy_and_passwords_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login eve password sesame\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with sender() as callbacks:
        assert await callbacks.send(callback_to(receiver.url())) == Accepted("204")
    assert "authorization" not in receiver.requests[0].headers


async def test_no_cookie_is_kept(receiver: Receiver) -> None:
    receiver.always = Answer(204, {"set-cookie": "a=b"})
    async with sender() as callbacks:
        for _ in range(2):
            await callbacks.send(callback_to(receiver.url(host="localhost")))
    assert all("cookie" not in request.headers for request in receiver.requests)


async def test_over_tls_the_certificate_must_be_of_the_host_in_the_url(tmp_path: Path) -> None:
    certificate = certified(tmp_path, "receiver.test")
    trusting = ssl.create_default_context(cafile=certificate.ca_file)
    async with webhook_receiver(certificate.server) as receiver:
        async with sender(tls=trusting, lookup=lambda _host, _port: ["127.0.0.1"]) as callbacks:
            right = await callbacks.send(callback_to(receiver.url(host="receiver.test")))
            wrong = await callbacks.send(callback_to(receiver.url(host="other.test")))
        async with sender(lookup=lambda _host, _port: ["127.0.0.1"]) as callbacks:
            unknown = await callbacks.send(callback_to(receiver.url(host="receiver.test")))
    assert right == Accepted("204")
    assert wrong == Failed("TLS: Hostname mismatch, certificate is not valid for 'other.test'.")
    assert unknown == Failed("TLS: self-signed certificate")


async def test_what_tls_finds_wrong_is_told_in_openssls_words(tmp_path: Path, receiver: Receiver) -> None:
    certificate = certified_by_lax_authority(tmp_path, "127.0.0.1")
    trusting = sender(tls=strictly_trusting(certificate.ca_file))
    async with webhook_receiver(certificate.server) as strange, trusting as callbacks:
        refused = await callbacks.send(callback_to(strange.url()))
    assert refused == Failed("TLS: Basic Constraints of CA cert not marked critical")
    async with sender() as callbacks:
        plain = await callbacks.send(callback_to(receiver.url().replace("http:", "https:")))
    assert isinstance(plain, Failed)
    assert plain.outcome in ("TLS: wrong version number", "TLS: record layer failure", "TLS: http request")
