"""The mail that announces an end: text and HTML, and headers that nobody can break out of."""

import re
from collections.abc import Iterator
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import Any

from services.api.domain.notifications import Delivery

MAX_SUBJECT_CHARACTERS = 150
MAX_ERRORS = 20

_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
# Seven bits, so that it passes every server as it is.
_POLICY = SMTP.clone(cte_type="7bit")
_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_THOUSAND = 1000
_MINUTE_S = 60
_HOUR_S = 3600

Row = tuple[str, str]


def mail(delivery: Delivery, sender: str, now: datetime) -> EmailMessage:
    """The whole message; its Message-ID is the same at every try."""
    message = EmailMessage(policy=_POLICY)
    message["Subject"] = _subject(delivery.notice)
    message["From"] = Address(addr_spec=sender)
    message["To"] = Address(addr_spec=delivery.target)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{delivery.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_text(delivery.notice))
    message.add_alternative(_html(delivery.notice), subtype="html")
    return message


def _subject(notice: dict[str, Any]) -> str:
    file = f" ({notice['fileName']})" if notice["fileName"] else ""
    return one_line(f"{_headline(notice)}: {notice['exportType']}{file}")[:MAX_SUBJECT_CHARACTERS]


def one_line(text: str) -> str:
    """Without what ends a header or turns the text around, and without the beginning of an encoded word.

    The standard library decodes encoded words, and writes the line breaks in them out: a header of its own.
    """
    return _BREAKS.sub(" ", text).replace("=?", "= ?").strip()


def _headline(notice: dict[str, Any]) -> str:
    return "Export completed" if notice["success"] else "Export did not complete"


def _story(notice: dict[str, Any]) -> str:
    if notice["success"]:
        return "The file is ready to be downloaded."
    if notice["errorMessages"]:
        return "There is no file. What went wrong:"
    return "There is no file: it was cancelled."


def _rows(notice: dict[str, Any]) -> Iterator[Row]:
    yield "Export", one_line(notice["exportType"])
    yield "State", notice["status"]
    yield "Id", notice["idExportJob"]
    if notice["fileName"]:
        yield "File", one_line(notice["fileName"])
    if notice["fileSizeBytes"] is not None:
        yield "Size", _size(notice["fileSizeBytes"])
    if notice["durationMs"]:
        yield "Took", _length(notice["durationMs"] / _THOUSAND)


def _errors(notice: dict[str, Any]) -> list[str]:
    """The last ones, since those ended it."""
    return [one_line(message) for message in notice["errorMessages"][-MAX_ERRORS:]]


def _text(notice: dict[str, Any]) -> str:
    rows = "\n".join(f"{name + ':':<8}{value}" for name, value in _rows(notice))
    errors = "\n".join(f"- {message}" for message in _errors(notice))
    return "\n\n".join(filter(None, (_headline(notice), rows, _story(notice), errors))) + "\n"


def _html(notice: dict[str, Any]) -> str:
    rows = "".join(f"<tr><th align=left>{name}</th><td>{escape(value)}</td></tr>\n" for name, value in _rows(notice))
    errors = "".join(f"<li>{escape(message)}</li>\n" for message in _errors(notice))
    story = f"<p>{escape(_story(notice))}</p>\n" + (f"<ul>\n{errors}</ul>\n" if errors else "")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"></head><body>\n'
        f"<h2>{_headline(notice)}</h2>\n<table>\n{rows}</table>\n{story}</body></html>\n"
    )


def _size(count: int) -> str:
    """Such as "1.2 MB (1234567 bytes)"."""
    size, unit = float(count), 0
    while size >= _THOUSAND and unit < len(_UNITS) - 1:
        size, unit = size / _THOUSAND, unit + 1
    return f"{size:.1f} {_UNITS[unit]} ({count} bytes)" if unit else f"{count} bytes"


def _length(seconds: float) -> str:
    """Such as "2.5 s" or "1 h 2 min"."""
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S:.0f} min {seconds % _MINUTE_S:.0f} s"
    return f"{seconds // _HOUR_S:.0f} h {seconds % _HOUR_S // _MINUTE_S:.0f} min"
