"""Messages between the api processes on one database: the hints that gathered, in one notification."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

MAX_PAYLOAD_BYTES = 7900
"""PostgreSQL takes less than 8,000."""

Item = tuple[str, ...]


class Kind(Enum):
    """The kinds of hints."""

    CHANGED = "c"
    """An export (its id) has a new version."""

    REPORTED = "r"
    """A worker has reported on a watched export (its id)."""

    WORK = "w"
    """An export became due: its requirement, its tenant, and the worker that gets it only if there is no other."""

    ANY_WORK = "a"
    """Some export became due."""

    POLLS = "l"
    """Every poll must look again."""

    DIRECTIVE = "d"
    """A directive for workers: its hint and its lease id."""

    WORKER = "k"
    """What is known of a worker (its id) has changed."""

    ASKED = "q"
    """A preview waits for a worker."""

    TOLD = "t"
    """A preview (its id) was taken, or answered."""


@dataclass(frozen=True, slots=True)
class Message:
    """The hints of one process. `everything` says that there were too many to name."""

    sender: str
    items: Mapping[Kind, Sequence[Item]] = field(default_factory=dict)
    everything: bool = False

    def payload(self) -> str:
        """Return the message as text of at most MAX_PAYLOAD_BYTES bytes."""
        named = {kind.value: items for kind, items in self.items.items() if items}
        text = _packed({"from": self.sender, **named})
        if self.everything or len(text.encode()) > MAX_PAYLOAD_BYTES:
            return _packed({"from": self.sender, "everything": True})
        return text

    @classmethod
    def read(cls, payload: str) -> "Message":
        """Read a message. A payload that cannot be read, such as that of another version, counts as `everything`."""
        try:
            return cls._of(json.loads(payload))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return cls("", everything=True)

    @classmethod
    def _of(cls, said: dict[str, object]) -> "Message":
        sender, everything = str(said.pop("from")), said.pop("everything", False) is True
        items = {Kind(name): _items(listed) for name, listed in said.items()}
        return cls(sender, items, everything=everything)


def _items(listed: object) -> Sequence[Item]:
    if not isinstance(listed, list):
        raise TypeError
    return [tuple(str(part) for part in item) for item in listed]


def _packed(said: Mapping[str, object]) -> str:
    return json.dumps(said, separators=(",", ":"))
