"""What an export needs of a worker, and what a worker can do: sets of names. A worker can build an export when it has
every name that the export needs.

| name | of a worker that |
|---|---|
| spec/{version} | understands job specifications of this version |
| rows/{kind}/{source} | reads rows of the source with this id and kind |
| attachments/{kind}/{source} | reads attachments of the source |
| format/{format} | writes the format |
| packaging/{packaging} | packs files this way; AUTO needs no name |
| compression/{compression} | compresses this way; NONE needs no name |
| mask-key/{key} | has the key that masked values are hashed with; there is one, called default |

Ids are percent-encoded. A later version may need names that this one does not know: no worker of this one has them.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from services.contract.formats import Compression, Format, Packaging
from services.contract.spec import JobSpec, Mask

SPEC_VERSION = 1
"""Of what JobSpec says. It grows with a change that a worker must know of to build the right file."""

MAX_CAPABILITIES = 4096
MAX_CAPABILITY_CHARACTERS = 1024
MASK_KEY = "default"

_KEY_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Requirement:
    """What an export needs of the worker that builds it. With no needs any worker can."""

    needs: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """The canonical form: names in order, a space between two."""
        return _text_of(self.needs)

    @property
    def key(self) -> str:
        """The same for equal requirements only: 32 hexadecimal digits; empty without needs."""
        return _key_of(self.needs)


@lru_cache(maxsize=1024)
def _text_of(needs: frozenset[str]) -> str:
    return " ".join(sorted(needs))


@lru_cache(maxsize=1024)
def _key_of(needs: frozenset[str]) -> str:
    return hashlib.sha256(_text_of(needs).encode()).hexdigest()[:_KEY_CHARACTERS] if needs else ""


NOTHING_NEEDED = Requirement()
"""Of an export that any worker can build."""


@lru_cache(maxsize=1024)
def requirement_in(text: str) -> Requirement:
    """The requirement whose canonical form this is."""
    return Requirement(frozenset(text.split()))


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a worker can do. `names` None: it does not say, and is taken to be able to do everything.

    `store_id` is the marker of the artifact store that it sees; empty: it sees none, or does not say.
    """

    names: frozenset[str] | None = None
    store_id: str = ""

    def meet(self, requirement: Requirement) -> bool:
        """Whether the worker can build what has this requirement."""
        return self.names is None or requirement.needs <= self.names

    def limited_to(self, sources: frozenset[str]) -> "Capabilities":
        """What is left when it may read these sources only, by id; none named: all. Who does not say what it can do
        reads none of them.
        """
        if not sources:
            return self
        return Capabilities(frozenset(n for n in self.names or () if _source_of(n) in (None, *sources)), self.store_id)

    def sees(self, store_id: str) -> bool:
        """Whether the worker sees this artifact store, as far as it says."""
        return self.names is None or self.store_id == store_id


def _source_of(name: str) -> str | None:
    """The source that a name is about; None for one about none."""
    about, *parts = name.split("/")
    return unquote(parts[-1]) if about in ("rows", "attachments") else None


EVERYTHING = Capabilities()
"""Of a worker that does not say what it can do."""


def requirement_of(spec: JobSpec) -> Requirement:
    """What building a spec needs."""
    return Requirement(frozenset(_needs(spec)))


def requirement_of_preview(spec: JobSpec) -> Requirement:
    """What showing the first rows of a spec needs: what its file would be does not matter."""
    return Requirement(frozenset(_needs_of_rows(spec)))


def _needs(spec: JobSpec) -> Iterator[str]:
    yield from _needs_of_rows(spec)
    yield from (reads_attachments(each.source.kind, each.source.id) for each in spec.attachments)
    yield writes(spec.table.format)
    if spec.packaging is not Packaging.AUTO:
        yield packs(spec.packaging)
    if spec.table.compression is not Compression.NONE:
        yield compresses(spec.table.compression)


def _needs_of_rows(spec: JobSpec) -> Iterator[str]:
    yield understands(SPEC_VERSION)
    yield reads_rows(spec.source.kind, spec.source.id)
    if any(column.mask is Mask.HASH for column in spec.columns):
        yield has_mask_key(MASK_KEY)


def built_in() -> Iterable[str]:
    """What every worker of this version can do, whatever its settings."""
    yield from (understands(version) for version in range(1, SPEC_VERSION + 1))
    yield from (writes(format_) for format_ in Format)
    yield from (packs(packaging) for packaging in Packaging)
    yield from (compresses(compression) for compression in Compression)


def understands(version: int) -> str:
    """The name of understanding specifications of a version."""
    return f"spec/{version}"


def reads_rows(kind: str, source_id: str) -> str:
    """The name of reading rows of a source."""
    return f"rows/{kind}/{quote(source_id, safe='')}"


def reads_attachments(kind: str, source_id: str) -> str:
    """The name of reading attachments of a source."""
    return f"attachments/{kind}/{quote(source_id, safe='')}"


def writes(format_: Format) -> str:
    """The name of writing a format."""
    return f"format/{format_.value}"


def packs(packaging: Packaging) -> str:
    """The name of a packaging."""
    return f"packaging/{packaging.value}"


def compresses(compression: Compression) -> str:
    """The name of a compression."""
    return f"compression/{compression.value}"


def has_mask_key(key: str) -> str:
    """The name of having a key for masks."""
    return f"mask-key/{quote(key, safe='')}"
