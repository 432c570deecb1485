"""Why TLS failed, in OpenSSL's own words."""

import ssl
from collections.abc import Iterator

_MAX_REASON_CHARACTERS = 150


def tls_reason(problem: BaseException) -> str:
    """The reason of the first TLS error among a problem and what it wraps; empty: there is none.

    Such as "Basic Constraints of CA cert not marked critical". It names the host at most, and nothing that was sent.
    """
    for each in _wrapped(problem):
        if isinstance(each, ssl.SSLCertVerificationError):
            return (each.verify_message or "certificate verify failed")[:_MAX_REASON_CHARACTERS]
        if isinstance(each, ssl.SSLError):
            return (each.reason or "no reason given").replace("_", " ").lower()[:_MAX_REASON_CHARACTERS]
    return ""


def _wrapped(problem: BaseException) -> Iterator[BaseException]:
    """A problem, and those that it was made of: libraries keep them as a cause, a context, a reason or an argument."""
    waiting, seen = [problem], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [one for one in inner if isinstance(one, BaseException)]
