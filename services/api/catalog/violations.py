"""The collection of everything that is wrong with one request."""

from services.contract.errors import InvalidRequest, Violation

MOST = 40  # they travel in the trailing metadata of a call, which has little room


class Refused(ValueError):
    """One thing is wrong; the message says what, and how to mend it."""


class Violations:
    """Violations in the order in which they were found, each once."""

    def __init__(self) -> None:
        self._found: dict[Violation, None] = {}

    def add(self, field: str, description: str) -> None:
        """Note one. Raises InvalidRequest after the 40th: a request so wrong is not worth more work."""
        self._found[Violation(field, description)] = None
        if len(self._found) > MOST:
            *kept, last = self._found
            note = Violation(last.field, f"more than {MOST} violations; the rest of the request was not checked")
            raise InvalidRequest((*kept, note))

    def check(self) -> None:
        """Raises InvalidRequest with every violation, if there is any."""
        if self._found:
            raise InvalidRequest(tuple(self._found))
