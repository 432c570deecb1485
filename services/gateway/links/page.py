"""The pages of download links as HTML: without scripts, and with nothing from elsewhere."""

import base64
import hashlib
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus

from exportd.v1.link_service_pb2 import LinkedFile

_STYLE = """
:root{color-scheme:light dark;--ground:#f3f5f8;--card:#fff;--line:#dde3ea;--ink:#1d2733;--soft:#5a6675;--act:#1a56b0;
--press:#123f83;--on:#fff}
@media(prefers-color-scheme:dark){:root{--ground:#12171d;--card:#1b222b;--line:#313b47;--ink:#e6ebf1;--soft:#a3afbd;
--act:#7fb2ff;--press:#a5c9ff;--on:#0d1b2e}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--ground);color:var(--ink);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:34rem;padding:clamp(1.25rem,5vw,2.25rem);background:var(--card);
border:1px solid var(--line);border-radius:.75rem}
h1{margin:0 0 1.25rem;font-size:1.375rem;line-height:1.3;overflow-wrap:anywhere}
.kind{margin:0;color:var(--soft);font-size:.875rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.375rem 1.25rem;margin:0 0 1.5rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
code{font:.8125rem/1.5 ui-monospace,Menlo,Consolas,monospace}
button{width:100%;padding:.75rem 1.5rem;border:0;border-radius:.5rem;background:var(--act);color:var(--on);
font:inherit;font-weight:600;cursor:pointer}
button:hover{background:var(--press)}
button:focus-visible{outline:3px solid var(--ink);outline-offset:3px}
.note{margin:1rem 0 0;color:var(--soft);font-size:.875rem}
@media(max-width:26rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.625rem}}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of every page, in addition to those of every answer of the gateway."""

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_THOUSAND = 1000
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ENDED = "This link does not exist, or it is no longer valid: it has expired, was used or was revoked."


def file_page(file: LinkedFile, use_id: str) -> str:
    """Return the page with the button. `use_id` makes repeated presses of it one use."""
    facts = "".join(f"<dt>{name}</dt><dd>{value}</dd>\n" for name, value in _facts(file))
    notes = "".join(f'<p class="note">{note}</p>\n' for note in _notes(file))
    return _page(
        f"Download {file.filename}",
        f'<p class="kind">File for download</p>\n<h1>{escape(file.filename)}</h1>\n<dl>\n{facts}</dl>\n'
        f'<form method="post">\n<input type="hidden" name="use_id" value="{escape(use_id)}">\n'
        f"<button>Download</button>\n</form>\n{notes}",
    )


def problem_page(status: HTTPStatus, detail: str, request_id: str) -> str:
    """Return the page of an error."""
    missing = status is HTTPStatus.NOT_FOUND
    title = "This link is not valid" if missing else "The file cannot be downloaded now"
    hint = "Ask whoever sent it to you for a new one." if missing else f"Reference: <code>{escape(request_id)}</code>"
    text = _ENDED if missing else f"{detail[:1].upper()}{detail[1:]}."
    return _page(title, f'<h1>{title}</h1>\n<p>{escape(text)}</p>\n<p class="note">{hint}</p>\n')


def _page(title: str, content: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<meta name="robots" content="noindex,nofollow,noarchive">\n<meta name="referrer" content="no-referrer">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n{content}</main>\n</body>\n</html>\n"
    )


def _facts(file: LinkedFile) -> list[tuple[str, str]]:
    """Return names and values, of which the values are HTML."""
    facts = [("Export", escape(file.type))]
    if file.row_count:
        facts.append(("Rows", f"{file.row_count:,}"))
    facts += [
        ("Size", _size(file.size_bytes)),
        ("Created", _time(file.create_time.ToDatetime(UTC))),
        ("Available until", _time(file.expire_time.ToDatetime(UTC))),
        ("SHA-256", f"<code>{escape(file.sha256)}</code>"),
    ]
    return facts


def _notes(file: LinkedFile) -> list[str]:
    notes = []
    if file.encrypted:
        notes.append("The file is encrypted. You need its password to open it.")
    if file.uses_left == 1:
        notes.append(
            "This link can be used once more. After you press the button, you can repeat or resume the download from "
            "this page for an hour."
        )
    elif file.uses_left:
        notes.append(f"This link can be used {file.uses_left} more times.")
    return notes


def _time(time: datetime) -> str:
    shown = f"{time.day} {_MONTHS[time.month - 1]} {time.year}, {time.hour:02}:{time.minute:02} UTC"
    return f'<time datetime="{time.isoformat()}">{shown}</time>'


def _size(count: int) -> str:
    """Return a size such as "1.2 MB (1,234,567 bytes)"."""
    size, unit = float(count), 0
    while size >= _THOUSAND and unit < len(_UNITS) - 1:
        size, unit = size / _THOUSAND, unit + 1
    return f"{size:.1f} {_UNITS[unit]} ({count:,} bytes)" if unit else f"{count:,} bytes"
