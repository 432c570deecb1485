"""What a mail says, and that nobody's words become a header of it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.api.domain.links import MailLink
from services.api.domain.notifications import Channel, Delivery, DeliveryState
from services.api.notify.mail_text import MAX_ERRORS, MAX_SUBJECT_CHARACTERS, folded, mail, shortened

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
COMPLETED = {
    "idExportJob": "01935a00-0000-7000-8000-000000000001",
    "exportType": "Invoices",
    "success": True,
    "status": "COMPLETED",
    "errorMessages": [],
    "durationMs": 2_500,
    "fileName": "año <2026>.xlsx",
    "fileSizeBytes": 1_234_567,
}
FAILED = COMPLETED | {
    "success": False,
    "status": "CANCELLED",
    "errorMessages": ["the source did not answer", "the column <total> is gone"],
    "fileName": None,
    "fileSizeBytes": None,
}
HEADERS = {
    "Subject",
    "From",
    "To",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
}


def delivery(notice: dict[str, Any]) -> Delivery:
    return Delivery(
        id="msg_1",
        export_id=notice["idExportJob"],
        tenant="default",
        run=1,
        channel=Channel.EMAIL,
        target="anna@example.com",
        notice=notice,
        state=DeliveryState.PENDING,
        attempt=1,
        next_attempt_time=NOW,
        create_time=NOW,
        end_time=None,
    )


def received(notice: dict[str, Any], now: datetime = NOW, links: Sequence[MailLink] = ()) -> EmailMessage:
    """As the program of its reader understands it."""
    sent = mail(delivery(notice), "exports@example.org", now, links).as_bytes()
    assert sent.isascii()
    assert all(len(line) <= 998 for line in sent.split(b"\r\n"))
    message = message_from_bytes(sent, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def parts(message: EmailMessage) -> tuple[str, str]:
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content().replace("\r\n", "\n"), html.get_content()


WORDS = ["x", "é", "請", "ab ", "a b-", "é é", "x" * 61 + " "]


@pytest.mark.parametrize("word", WORDS)
def test_subjects_fold_behind_their_first_words_and_are_read_back_whole(word: str) -> None:
    for length in range(1, 300):
        name = (word * 300)[:length]
        (subject, *more) = folded(shortened(f"Export completed: Invoices ({name}.xlsx)", 150)).split("\r\n")[:-1]
        assert subject.split()[1:], name
        assert all(len(line) <= 78 for line in (subject, *more)), name
        whole = "\r\n".join((subject, *more, "", "")).encode("ascii")
        read = message_from_bytes(whole, policy=default)["Subject"]
        assert read == shortened(f"Export completed: Invoices ({name}.xlsx)", 150)


@pytest.mark.parametrize("word", WORDS)
def test_a_long_name_keeps_its_end(word: str) -> None:
    notice = COMPLETED | {"fileName": (word * 200)[:200] + "2026-12.xlsx", "exportType": "Type" * 100}
    subject = str(received(notice)["Subject"])
    assert subject.startswith("Export completed: Type")
    assert subject.endswith("2026-12.xlsx)")
    assert len(subject) <= MAX_SUBJECT_CHARACTERS


@pytest.mark.parametrize(("tenant", "option"), [("default", ""), ("acme", " --tenant acme")])
def test_a_completed_export_is_told_with_the_command_that_fetches_it(tenant: str, option: str) -> None:
    sent = mail(replace(delivery(COMPLETED), tenant=tenant), "exports@example.org", NOW).as_bytes()
    message = message_from_bytes(sent, policy=default)
    assert isinstance(message, EmailMessage)
    for part in parts(message):
        assert f"exportctl download {COMPLETED['idExportJob']} -o .{option}\n" in part.replace("</pre>", "\n")
    assert all("exportctl" not in part for part in parts(received(FAILED)))


def test_a_completed_export_is_told_with_its_file() -> None:
    message = received(COMPLETED)
    assert message["Subject"] == "Export completed: Invoices (año <2026>.xlsx)"
    text, html = parts(message)
    for fact in (COMPLETED["idExportJob"], "Invoices", "COMPLETED", "1.2 MB (1234567 bytes)", "2.5 s"):
        assert fact in text
        assert fact in html
    assert "año <2026>.xlsx" in text
    assert "año &lt;2026&gt;.xlsx" in html


def test_a_failed_export_is_told_with_its_errors() -> None:
    message = received(FAILED)
    assert message["Subject"] == "Export did not complete: Invoices"
    text, html = parts(message)
    assert "- the source did not answer\n- the column <total> is gone" in text
    assert "<li>the column &lt;total&gt; is gone</li>" in html
    assert "File:" not in text


def test_a_cancelled_export_is_told_without_errors() -> None:
    text, html = parts(received(FAILED | {"errorMessages": []}))
    assert "it was cancelled" in text
    assert "<ul>" not in html


def test_of_many_errors_the_last_are_told() -> None:
    text, _ = parts(received(FAILED | {"errorMessages": [f"error {n}" for n in range(100)]}))
    assert text.count("- error") == MAX_ERRORS
    assert "error 99" in text


def test_its_message_id_stays_when_it_is_tried_again() -> None:
    first, again = received(COMPLETED), received(COMPLETED, NOW + timedelta(hours=1))
    assert first["Message-ID"] == again["Message-ID"] == "<msg_1@example.org>"
    assert first["Date"] != again["Date"]
    assert first["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    "words",
    [
        "x\r\nBcc: eve@example.com",
        "x\nBcc: eve@example.com\n\nbody",
        "=?utf-8?q?=0D=0ABcc:_eve@example.com?= x",
        "=?utf-8?b?DQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?=",
        "=\u200b?utf-8?q?=0D=0ABcc:_eve@example.com?=",
        "x\u2028Bcc: eve@example.com",
        "x\x85Bcc: eve@example.com",
        "x\0y",
        "\ud800",
        "=" * 3000,
    ],
)
@pytest.mark.parametrize("field", ["exportType", "fileName"])
def test_a_name_never_becomes_a_header(words: str, field: str) -> None:
    message = received(COMPLETED | {field: words})
    assert set(message.keys()) == HEADERS
    assert message["To"] == "anna@example.com"
    assert len(message["Subject"]) <= MAX_SUBJECT_CHARACTERS


@pytest.mark.slow
@settings(deadline=None)
@given(words=st.text(), more=st.lists(st.text(), max_size=3))
def test_no_words_become_a_header_or_an_element(words: str, more: list[str]) -> None:
    message = received(FAILED | {"exportType": words, "fileName": f"=?{words}?=", "errorMessages": [words, *more]})
    assert set(message.keys()) == HEADERS
    _, html = parts(message)
    assert html.count("<li>") == 1 + len(more)
    assert html.count("<") == html.count(">")


# ---- with links

URL = "https://exports.example.com/links/exl_" + "a" * 56
WITH_FACTS = COMPLETED | {
    "rowCount": 1_234_567,
    "expireTime": "2026-11-08T12:00:00.000001+00:00",
    "encrypted": True,
}
LINK = MailLink("año <2026>.xlsx", NOW + timedelta(days=2), URL)


def test_a_mail_tells_the_rows_and_until_when() -> None:
    for part in parts(received(WITH_FACTS)):
        for fact in ("1,234,567", "8 November 2026, 12:00 UTC", "with the password of the export"):
            assert fact in part


def test_a_notice_of_an_earlier_version_has_neither() -> None:
    text, _ = parts(received(COMPLETED))
    assert not any(name in text for name in ("Rows", "Until", "Opens"))


def test_a_link_stands_in_place_of_the_command_and_says_until_when_it_lasts() -> None:
    text, html = parts(received(WITH_FACTS, links=[LINK]))
    assert "3 November 2026, 12:00 UTC" in text
    assert f"Download año <2026>.xlsx:\n{URL}\n" in text
    assert re.search(rf'<a href="{URL}" [^>]*>Download año &lt;2026&gt;.xlsx</a>', html)
    for part in (text, html):
        assert "exportctl" not in part
        assert "Whoever has the link can download the file" in part


def test_each_file_has_its_link() -> None:
    other = replace(LINK, filename="attachments.zip", url=URL[:-1] + "b")
    text, html = parts(received(WITH_FACTS, links=[LINK, other]))
    assert (text.count("Download "), html.count("<a href=")) == (2, 2)
    assert all(link.url in part for link in (LINK, other) for part in (text, html))


@pytest.mark.parametrize(
    "words", ['"><script>x</script>', "=?utf-8?q?=0D=0ABcc:_eve@example.com?=", "a\r\nBcc: eve@x.y"]
)
def test_the_name_of_a_linked_file_is_only_text(words: str) -> None:
    message = received(WITH_FACTS, links=[replace(LINK, filename=words)])
    assert set(message.keys()) == HEADERS
    text, html = parts(message)
    assert "<script" not in html
    assert html.count("<a ") == 1
    assert len(text.splitlines()) == len(parts(received(WITH_FACTS, links=[LINK]))[0].splitlines())


def test_a_link_is_not_shown_where_a_mail_is_logged() -> None:
    assert "exl_" not in repr(LINK)
