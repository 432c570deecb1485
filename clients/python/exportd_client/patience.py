"""How long calls are retried while the service does not answer."""

import random
import time
from dataclasses import dataclass
from typing import Protocol

from exportd_client.errors import DeadlineExceeded, ExportdError

_EXPIRED = "TOKEN_EXPIRED"
"""The reason after which one more call is made, if it may have another token."""


@dataclass(frozen=True)
class Patience:
    """How long calls are retried while the service cannot be reached. All values are in seconds.

    first_contact: if the service has never answered; most likely the address is wrong.
    outage: since the service last answered; most likely it is restarting.
    shortest, longest: the first and the longest pause between two calls; pauses double, with jitter.
    """

    first_contact: float = 3.0
    outage: float = 60.0
    shortest: float = 0.1
    longest: float = 5.0


class Contact(Protocol):
    """What a connection tells about the service."""

    @property
    def patience(self) -> Patience: ...

    @property
    def answered(self) -> bool:
        """Whether the service has ever answered."""

    @property
    def renews(self) -> bool:
        """Whether another call may have another key or token."""


class Outage:
    """The consecutive failures of one operation. The operation may take `timeout` seconds in all; None: no limit."""

    def __init__(self, line: Contact, timeout: float | None = None) -> None:
        self._line = line
        self._timeout = timeout
        self._ends = None if timeout is None else time.monotonic() + timeout
        self.over()

    def over(self) -> None:
        """Record that the operation made progress: the next failure counts as the first one again."""
        self._since: float | None = None
        self._pause = self._line.patience.shortest

    def left(self, most: float) -> float:
        """Return the seconds that the next call may take, at most `most`.

        Raises DeadlineExceeded if no time is left.
        """
        if self._ends is None:
            return most
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self._late()
        return min(left, most)

    def pause_after(self, error: ExportdError) -> float:
        """Return the seconds to wait before the call is repeated.

        Raises `error` if it is not transient, or if it has lasted longer than the Patience allows. Raises
        DeadlineExceeded if the pause would exceed the time of the operation.
        """
        now, is_first = time.monotonic(), self._since is None
        self._since = now if self._since is None else self._since
        pause = max(random.uniform(self._pause / 2, self._pause), error.retry_after or 0.0)  # noqa: S311 - jitter
        if not error.passing and not (error.reason == _EXPIRED and is_first and self._line.renews):
            raise error
        if self._ends is not None and now + pause >= self._ends:
            raise self._late(error.request_id) from error
        if now + pause > self._since + self._patience:
            raise error
        self._pause = min(self._pause * 2, self._line.patience.longest)
        return pause

    def _late(self, request_id: str = "") -> DeadlineExceeded:
        message = f"not done within {self._timeout:g} s; it goes on all the same"
        return DeadlineExceeded(message, request_id=request_id)

    @property
    def _patience(self) -> float:
        patience = self._line.patience
        return patience.outage if self._line.answered else patience.first_contact
