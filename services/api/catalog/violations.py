"""The collection of everything that is wrong with one request."""

from services.contract.errors import InvalidRequest, Violation

MAX_VIOLATION_BYTES = 2000
"""Of all violations' text: three times as much goes into a call's trailing metadata, and gRPC clients take 8 KiB."""


class Refused(ValueError):
    """One thing is wrong; the message says what, and how to fix it."""


class AlwaysRefused(Refused):
    """It is wrong in LENIENT mode too, since nothing sensible is left without it."""


class Violations:
    """Violations in the order in which they were found, each once."""

    def __init__(self) -> None:
        self._found: dict[Violation, None] = {}
        self._bytes = 0

    def add(self, field: str, description: str) -> None:
        """Note one. Raises InvalidRequest with those before when it does not fit: so wrong a request is given up."""
        violation = Violation(field, description)
        if violation in self._found:
            return
        self._bytes += len((field + description).encode())
        if self._bytes > MAX_VIOLATION_BYTES:
            note = Violation(field, "also wrong; the response has no room for more, and the rest was not checked")
            raise InvalidRequest((*self._found, note))
        self._found[violation] = None

    def check(self) -> None:
        """Raises InvalidRequest with every violation, if there is any."""
        if self._found:
            raise InvalidRequest(tuple(self._found))
