"""Collects everything that is wrong with one request."""

from services.contract.errors import InvalidRequest, Violation

MAX_VIOLATION_BYTES = 2000
"""The most text of all violations.

Three times as much goes into the trailing metadata of a call, of which gRPC clients accept 8 KiB.
"""


class Refused(ValueError):
    """One mistake in a request. The message says what is wrong and how to fix it."""


class AlwaysRefused(Refused):
    """A mistake that is refused in LENIENT mode, too, since the request would make no sense without the wrong part."""


class Violations:
    """The violations of a request in the order in which they were found, without repetitions."""

    def __init__(self) -> None:
        self._found: dict[Violation, None] = {}
        self._bytes = 0

    def add(self, field: str, description: str) -> None:
        """Add a violation. If there is no more room, raise InvalidRequest with those found before."""
        violation = Violation(field, description)
        if violation in self._found:
            return
        self._bytes += len((field + description).encode())
        if self._bytes > MAX_VIOLATION_BYTES:
            note = Violation(field, "also wrong; the response has no room for more, and the rest was not checked")
            raise InvalidRequest((*self._found, note))
        self._found[violation] = None

    def check(self) -> None:
        """Raise InvalidRequest with all violations if there are any."""
        if self._found:
            raise InvalidRequest(tuple(self._found))
