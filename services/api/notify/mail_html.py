"""The HTML part of a mail: tables and inline styles, because mail programs ignore most else. It loads nothing."""

from dataclasses import dataclass
from html import escape

from services.api.domain.links import MailLink

CARE = "Whoever has the link can download the file. Pass it on only to people who may read the file."

Row = tuple[str, str]

_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_BODY = f"margin:0;padding:24px 12px;background:#f3f5f8;color:#1d2733;{_FONT};font-size:16px;line-height:1.5"
_CARD = "max-width:560px;width:100%;background:#ffffff;border:1px solid #dde3ea;border-radius:10px"
_GOOD, _BAD = "#1b6e3c", "#a3261f"
_NAME = "padding:4px 16px 4px 0;color:#5a6675;font-weight:normal;text-align:left;vertical-align:top;white-space:nowrap"
_VALUE = "padding:4px 0;vertical-align:top;overflow-wrap:anywhere;word-break:break-word"
_BUTTON = (
    "display:inline-block;padding:12px 22px;background:#1a56b0;color:#ffffff;font-weight:600;text-decoration:none;"
    "border-radius:6px;overflow-wrap:anywhere"
)
_SMALL = "margin:16px 0 0;color:#5a6675;font-size:13px;overflow-wrap:anywhere;word-break:break-word"
_CODE = (
    "margin:12px 0 0;padding:12px;background:#f3f5f8;border-radius:6px;font-family:Menlo,Consolas,monospace;"
    "font-size:13px;white-space:pre-wrap;overflow-wrap:anywhere"
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a mail says, without line breaks in any value. `command` is empty if there is nothing to download."""

    headline: str
    is_good: bool
    rows: tuple[Row, ...]
    story: str
    links: tuple[MailLink, ...]
    command: str
    errors: tuple[str, ...]


def html_of(content: Content) -> str:
    """Return the document. Every value is escaped."""
    color = _GOOD if content.is_good else _BAD
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(content.headline)}</title></head>\n"
        f'<body style="{_BODY}">\n'
        f'<table role="presentation" align="center" cellpadding="0" cellspacing="0" style="{_CARD}"><tr>'
        '<td style="padding:28px">\n'
        f'<h1 style="margin:0 0 16px;color:{color};font-size:22px;line-height:1.3">{escape(content.headline)}</h1>\n'
        f'<table cellpadding="0" cellspacing="0">\n{_rows(content)}</table>\n'
        f'<p style="margin:20px 0 0">{escape(content.story)}</p>\n'
        f"{_links(content)}{_command(content)}{_errors(content)}"
        "</td></tr></table>\n</body></html>\n"
    )


def _rows(content: Content) -> str:
    return "".join(
        f'<tr><th scope="row" style="{_NAME}">{name}</th><td style="{_VALUE}">{escape(value)}</td></tr>\n'
        for name, value in content.rows
    )


def _links(content: Content) -> str:
    if not content.links:
        return ""
    buttons = "".join(
        f'<p style="margin:16px 0 0"><a href="{escape(link.url)}" style="{_BUTTON}">'
        f"Download {escape(link.filename)}</a></p>\n"
        for link in content.links
    )
    urls = "".join(f"<br>{escape(link.url)}" for link in content.links)
    return (
        f'{buttons}<p style="{_SMALL}">{CARE}</p>\n'
        f'<p style="{_SMALL}">If the button does not work, copy this address into a browser:{urls}</p>\n'
    )


def _command(content: Content) -> str:
    return f'<pre style="{_CODE}">{escape(content.command)}</pre>\n' if content.command else ""


def _errors(content: Content) -> str:
    if not content.errors:
        return ""
    listed = "".join(f"<li>{escape(message)}</li>\n" for message in content.errors)
    return f'<ul style="margin:12px 0 0;padding-left:20px">\n{listed}</ul>\n'
