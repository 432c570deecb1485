"""What the catalog may say about each kind of source. Workers know the same kinds and how to read them."""

from dataclasses import dataclass
from enum import Enum, auto

from services.contract.spec import SourceRef

RELATIONS = ("table", "query", "file", "http")
"""The keys of a collection that say where its rows are. Each collection has exactly one of them."""


class AttachmentPlace(Enum):
    """What the path of an attachment refers to."""

    FILE = auto()
    """A file below the root of the source."""
    URL = auto()
    COLUMN = auto()
    """The binary column of a table."""


@dataclass(frozen=True, slots=True)
class SourceKind:
    """What a kind of source offers.

    `relations` are the keys by which its rows can be read; empty if it has no rows. `attachments` is None if it has no
    attachments. `needs_key` says whether only a key can identify its rows. `keyset` says whether keyset reading is
    possible.
    """

    relations: tuple[str, ...] = ()
    attachments: AttachmentPlace | None = None
    needs_key: bool = True
    keyset: bool = False


SOURCE_KINDS = {
    "sql": SourceKind(("table", "query"), AttachmentPlace.COLUMN, keyset=True),
    "parquet": SourceKind(("file",), needs_key=False),
    "csv": SourceKind(("file",), needs_key=False),
    "http": SourceKind(("http",), AttachmentPlace.URL),
    "folder": SourceKind((), AttachmentPlace.FILE),
    "object": SourceKind((), AttachmentPlace.FILE),
}


def kind_of(source: SourceRef) -> SourceKind | None:
    """Return the kind of a source; None if the source or its kind is unknown, which is reported elsewhere."""
    return SOURCE_KINDS.get(source.kind)


ATTACHMENT_KINDS = tuple(word for word, kind in SOURCE_KINDS.items() if kind.attachments)
KEYSET_KINDS = tuple(word for word, kind in SOURCE_KINDS.items() if kind.keyset)
