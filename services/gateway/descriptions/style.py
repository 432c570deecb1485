"""The frame of every page: one style sheet, no script, nothing from elsewhere."""

import base64
import hashlib
from html import escape

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; overflow-wrap: anywhere }
h2 { margin-top: 3rem }
h3 { margin-top: 2rem }
code, pre { font: .9em ui-monospace, monospace }
pre { background: color-mix(in srgb, currentcolor 8%, transparent); overflow-x: auto; padding: .75rem; tab-size: 2 }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid color-mix(in srgb, currentcolor 25%, transparent); padding: .25rem .5rem .25rem 0;
  text-align: left; vertical-align: top }
.wide { overflow-x: auto }
ul.plain { list-style: none; padding: 0 }
"""

_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Allows that style sheet and nothing else."""


def framed(title: str, body: str) -> bytes:
    """Return a page with a title, which is text, and a body, which is HTML."""
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n<body>\n{body}\n</body>\n</html>\n"
    ).encode()
