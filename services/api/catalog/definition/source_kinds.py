"""What the catalog may say of each kind of source. Workers know the same kinds, and how to read them."""

from dataclasses import dataclass
from enum import Enum, auto

from services.contract.spec import SourceRef

RELATIONS = ("table", "query", "file", "http")
"""The keys of a collection that say where its rows are; each has one of them."""


class AttachmentPlace(Enum):
    """What the path of an attachment leads to."""

    FILE = auto()
    """A file below the root of the source."""
    URL = auto()
    COLUMN = auto()
    """The binary column of a table."""


@dataclass(frozen=True, slots=True)
class SourceKind:
    """`relations` are those that its rows are read by, none if it has no rows; `attachments` None: it has none.

    `needs_key`: there is nothing but a key that tells its rows apart. `keyset`: it can be read by its key.
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
    """None for a source that is not known, or of no known kind: that is noted where it says so."""
    return SOURCE_KINDS.get(source.kind)


ATTACHMENT_KINDS = tuple(word for word, kind in SOURCE_KINDS.items() if kind.attachments)
KEYSET_KINDS = tuple(word for word, kind in SOURCE_KINDS.items() if kind.keyset)
