"""What an export needs of a worker, and what a worker can do, as sets of names.

A worker can build an export if it has every name that the export needs.

| name | meaning: the worker |
|---|---|
| spec/{version} | understands job specifications of this version |
| rows/{kind}/{source} | reads rows of the source with this id and kind |
| attachments/{kind}/{source} | reads attachments of the source |
| format/{format} | writes the format |
| packaging/{packaging} | supports this packaging; AUTO needs no name |
| compression/{compression} | supports this compression; NONE needs no name |
| mask-key/{key} | has the key for hashes of masked values; the only key is called default |

Ids are percent-encoded. A later version may need names that this version does not know; workers of this version lack
them.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from services.contract.formats import Compression, Format, Packaging
from services.contract.spec import JobSpec, Mask

SPEC_VERSION = 1
"""Version of JobSpec. It is increased by a change that a worker must know in order to build the right file."""

MAX_CAPABILITIES = 4096
MAX_CAPABILITY_CHARACTERS = 1024
MASK_KEY = "default"

_KEY_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Requirement:
    """What an export needs of the worker that builds it. Without needs, any worker can build it."""

    needs: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """The canonical form: the names in order, separated by spaces."""
        return _text_of(self.needs)

    @property
    def key(self) -> str:
        """A key of 32 hexadecimal digits, equal only for equal requirements. Empty without needs."""
        return _key_of(self.needs)

    @property
    def sources(self) -> frozenset[str]:
        """The ids of the sources that are read."""
        return _sources_in(self.needs)


@lru_cache(maxsize=1024)
def _sources_in(needs: frozenset[str]) -> frozenset[str]:
    return frozenset(source for name in needs if (source := _source_of(name)) is not None)


@lru_cache(maxsize=1024)
def _text_of(needs: frozenset[str]) -> str:
    return " ".join(sorted(needs))


@lru_cache(maxsize=1024)
def _key_of(needs: frozenset[str]) -> str:
    return hashlib.sha256(_text_of(needs).encode()).hexdigest()[:_KEY_CHARACTERS] if needs else ""


NOTHING_NEEDED = Requirement()
"""The requirement of an export that any worker can build."""


@lru_cache(maxsize=1024)
def requirement_in(text: str) -> Requirement:
    """Return the requirement with this canonical form."""
    return Requirement(frozenset(text.split()))


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a worker can do. `names` None: the worker does not report it, and is assumed to be able to do everything.

    `store_id` is the marker of the artifact store that the worker sees; empty: it sees none, or does not report it.
    `tenants` are those whose exports it may be given; empty means all. No worker reports them: its credentials do.
    """

    names: frozenset[str] | None = None
    store_id: str = ""
    tenants: frozenset[str] = frozenset()

    def meet(self, requirement: Requirement, tenant: str = "") -> bool:
        """Whether the worker can build an export of a tenant (empty: an unknown one) with this requirement."""
        return (self.names is None or requirement.needs <= self.names) and tenant in (self.tenants or (tenant,))

    def limited_to(self, sources: frozenset[str], tenants: frozenset[str] = frozenset()) -> "Capabilities":
        """Return the capabilities of a worker that may read only these sources (ids), for these tenants.

        Without sources, or tenants, there is no such limit. A worker that does not report its capabilities may then
        read none of the sources.
        """
        names = self.names
        if sources:
            names = frozenset(name for name in names or () if _source_of(name) in (None, *sources))
        return Capabilities(names, self.store_id, tenants)

    def sees(self, store_id: str) -> bool:
        """Whether the worker sees this artifact store, or does not report its capabilities."""
        return self.names is None or self.store_id == store_id


def _source_of(name: str) -> str | None:
    """Return the source that a name refers to; None when it refers to none."""
    about, *parts = name.split("/")
    return unquote(parts[-1]) if about in ("rows", "attachments") else None


EVERYTHING = Capabilities()
"""The capabilities of a worker that does not report them."""


def requirement_of(spec: JobSpec) -> Requirement:
    """Return what building a spec requires."""
    return Requirement(frozenset(_needs(spec)))


def requirement_of_preview(spec: JobSpec) -> Requirement:
    """Return what previewing a spec requires. The format of the file does not matter."""
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
    """Yield what every worker of this version can do, whatever its settings."""
    yield from (understands(version) for version in range(1, SPEC_VERSION + 1))
    yield from (writes(format_) for format_ in Format)
    yield from (packs(packaging) for packaging in Packaging)
    yield from (compresses(compression) for compression in Compression)


def understands(version: int) -> str:
    """Return the name for understanding specifications of a version."""
    return f"spec/{version}"


def reads_rows(kind: str, source_id: str) -> str:
    """Return the name for reading rows of a source."""
    return f"rows/{kind}/{quote(source_id, safe='')}"


def reads_attachments(kind: str, source_id: str) -> str:
    """Return the name for reading attachments of a source."""
    return f"attachments/{kind}/{quote(source_id, safe='')}"


def writes(format_: Format) -> str:
    """Return the name for writing a format."""
    return f"format/{format_.value}"


def packs(packaging: Packaging) -> str:
    """Return the name for a packaging."""
    return f"packaging/{packaging.value}"


def compresses(compression: Compression) -> str:
    """Return the name for a compression."""
    return f"compression/{compression.value}"


def has_mask_key(key: str) -> str:
    """Return the name for having a key for masks."""
    return f"mask-key/{quote(key, safe='')}"
