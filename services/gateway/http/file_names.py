"""The header that suggests a file name."""

from urllib.parse import quote

_UNSAFE = '"\\%'
_UNRESERVED = "!#$&+-.^_`|~"
"""Characters of attr-char in RFC 8187, beside letters and digits."""


def disposition(name: str) -> str:
    """Return the value of Content-Disposition: the name in ASCII, and with RFC 8187 (once 5987) as it is."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in _UNSAFE else "_" for c in name)
    exact = quote(name, safe=_UNRESERVED, errors="replace")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"
