"""The mail that reports the end of an export: its headers, and its text. No value can add headers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import Any

from services.api.domain.links import MailLink
from services.api.domain.notifications import Delivery
from services.api.notify.mail_html import CARE, Content, Row, html_of

MAX_SUBJECT_CHARACTERS = 150
MAX_ERRORS = 20
DEFAULT_TENANT = "default"
CRLF = "\r\n"

_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_LINE_CHARACTERS = 76
_WORD_CHARACTERS = 60
"""A longer word cannot be folded: the subject is then encoded, in pieces."""

_TAIL_CHARACTERS = 30
_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_THOUSAND = 1000
_MINUTE_S = 60
_HOUR_S = 3600
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def mail(delivery: Delivery, sender: str, now: datetime, links: Sequence[MailLink] = ()) -> EmailMessage:
    """Return the whole message. Its Message-ID is the same at every attempt.

    With `links` the mail has them in place of the command that downloads the file.
    """
    content = _content(delivery, links)
    message = EmailMessage(policy=_POLICY)
    message["Subject"] = _subject(delivery.notice)
    message["From"] = Address(addr_spec=sender)
    message["To"] = Address(addr_spec=delivery.target)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{delivery.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_text(content))
    message.add_alternative(html_of(content), subtype="html")
    return message


class _Policy(EmailPolicy):
    """Folds subjects so that the first line contains words. The library may leave it empty."""

    def fold(self, name: str, value: Any) -> str:
        return folded(value) if name.lower() == "subject" else super().fold(name, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        return folded(value).encode("ascii") if name.lower() == "subject" else super().fold_binary(name, value)


# Seven bits, so that every server passes the message unchanged.
_POLICY = _Policy(linesep="\r\n", cte_type="7bit")


def folded(subject: str) -> str:
    """Return the header in lines of at most 76 characters: plain if it can be folded, otherwise in encoded words."""
    plain = subject.isascii() and all(len(word) <= _WORD_CHARACTERS for word in subject.split(" "))
    header = Header(subject, "us-ascii" if plain else "utf-8", _LINE_CHARACTERS, "Subject")
    return f"Subject: {header.encode(splitchars=' ', linesep=CRLF)}{CRLF}"


def _subject(notice: dict[str, Any]) -> str:
    head = one_line(f"{_headline(notice)}: {notice['exportType']}")
    if not notice["fileName"]:
        return shortened(head, MAX_SUBJECT_CHARACTERS)
    head = shortened(head, MAX_SUBJECT_CHARACTERS // 2)
    return f"{head} ({shortened(one_line(notice['fileName']), MAX_SUBJECT_CHARACTERS - len(head) - 3)})"


def shortened(text: str, most: int) -> str:
    """Return at most `most` characters of the text, without its middle, since names often differ at their ends."""
    if len(text) <= most:
        return text
    return f"{text[: most - _TAIL_CHARACTERS - 1]}…{text[-_TAIL_CHARACTERS:]}"


def one_line(text: str) -> str:
    """Return the text without line breaks, direction characters and beginnings of encoded words.

    The standard library decodes encoded words and writes line breaks in them into the mail, where they begin a new
    header.
    """
    return _BREAKS.sub(" ", text).replace("=?", "= ?").strip()


def _headline(notice: dict[str, Any]) -> str:
    return "Export completed" if notice["success"] else "Export did not complete"


def _content(delivery: Delivery, links: Sequence[MailLink]) -> Content:
    notice = delivery.notice
    return Content(
        headline=_headline(notice),
        is_good=notice["success"],
        rows=tuple(_rows(notice, links)),
        story=_story(notice, links),
        links=tuple(replace(link, filename=one_line(link.filename)) for link in links),
        command="" if links or not notice["success"] else _command(delivery),
        errors=tuple(_errors(notice)),
    )


def _story(notice: dict[str, Any], links: Sequence[MailLink]) -> str:
    if notice["success"] and links:
        return "The file is ready." if len(links) == 1 else "The files are ready."
    if notice["success"]:
        return "The file is ready. This command fetches it and checks it:"
    if notice["errorMessages"]:
        return "There is no file. What went wrong:"
    return "There is no file: it was cancelled."


def _command(delivery: Delivery) -> str:
    tenant = "" if delivery.tenant == DEFAULT_TENANT else f" --tenant {delivery.tenant}"
    return f"exportctl download {delivery.notice['idExportJob']} -o .{tenant}"


def _rows(notice: dict[str, Any], links: Sequence[MailLink]) -> Iterator[Row]:
    """Yield what the mail says of the export. Notices of earlier versions have no rows and no time."""
    yield "Export", one_line(notice["exportType"])
    if notice["fileName"]:
        yield "File", one_line(notice["fileName"])
    if notice.get("rowCount") is not None:
        yield "Rows", f"{notice['rowCount']:,}"
    if notice["fileSizeBytes"] is not None:
        yield "Size", _size(notice["fileSizeBytes"])
    if notice.get("expireTime"):
        until = min([datetime.fromisoformat(notice["expireTime"]), *(link.expire_time for link in links)])
        yield "Until", moment(until)
    if notice.get("encrypted"):
        yield "Opens", "with the password of the export"
    if notice["durationMs"]:
        yield "Took", _length(notice["durationMs"] / _THOUSAND)
    yield "State", notice["status"]
    yield "Id", notice["idExportJob"]


def moment(time: datetime) -> str:
    """Return a time such as "8 November 2026, 12:00 UTC"."""
    utc = time.astimezone(UTC)
    return f"{utc.day} {_MONTHS[utc.month - 1]} {utc.year}, {utc.hour:02}:{utc.minute:02} UTC"


def _errors(notice: dict[str, Any]) -> list[str]:
    """Return the last errors, since these ended the export."""
    return [one_line(message) for message in notice["errorMessages"][-MAX_ERRORS:]]


def _text(content: Content) -> str:
    rows = "\n".join(f"{name + ':':<8}{value}" for name, value in content.rows)
    errors = "\n".join(f"- {message}" for message in content.errors)
    links = "\n\n".join(f"Download {link.filename}:\n{link.url}" for link in content.links)
    care = CARE if content.links else ""
    parts = (content.headline, rows, content.story, links, care, content.command, errors)
    return "\n\n".join(filter(None, parts)) + "\n"


def _size(count: int) -> str:
    """Return a size such as "1.2 MB (1234567 bytes)"."""
    size, unit = float(count), 0
    while size >= _THOUSAND and unit < len(_UNITS) - 1:
        size, unit = size / _THOUSAND, unit + 1
    return f"{size:.1f} {_UNITS[unit]} ({count} bytes)" if unit else f"{count} bytes"


def _length(seconds: float) -> str:
    """Return a duration such as "2.5 s" or "1 h 2 min"."""
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S:.0f} min {seconds % _MINUTE_S:.0f} s"
    return f"{seconds // _HOUR_S:.0f} h {seconds % _HOUR_S // _MINUTE_S:.0f} min"
