"""What is known of a kind of source: how its settings are read, and what can be had of it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar

from services.contract.spec import JobSpec
from services.runtime.toml import Table
from services.worker.ports import AttachmentFiles, LinesReading, Source
from services.worker.sources.check.problems import Probe, Problem
from services.worker.sources.introspect.tables import LiveTable, TableNames
from services.worker.sources.origin import Origin


class SourceSettings(Protocol):
    """Where one source is. Frozen, fit to be sent to a child, and its repr shows no secret."""

    kind: ClassVar[str]
    """Its word in the catalog and in sources.toml."""

    @property
    def id(self) -> str:
        """Its name there."""
        ...


S = TypeVar("S", bound=SourceSettings)


@dataclass(frozen=True, slots=True)
class RowOptions:
    """Big sorts go into `temp_dir`, None being the system's own, and leave it empty. `careful`: the same rows, in no
    way that could end the process.
    """

    temp_dir: Path | None = None
    careful: bool = False


def _always(_: Table) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class SourceKind(Generic[S]):
    """A kind, by its class of settings. Several may share a word: the first of the table that `fits` is meant.

    `read` makes the settings of a table in sources.toml, fit for use only when it notes no mistake. Each of the others
    is None where the kind has no such thing; what they do raises SourceFailed.
    """

    settings: type[S]
    read: Callable[[str, Table, Origin], S]
    fits: Callable[[Table], bool] = _always
    open_rows: Callable[[S, RowOptions], Source] | None = None
    open_lines: Callable[[S, JobSpec], AbstractContextManager[LinesReading | None]] | None = None
    """The lines of the file as the source itself writes them, where it can write the very same bytes."""
    open_attachments: Callable[[S], AttachmentFiles] | None = None
    reach: Callable[[S], None] | None = None
    """Connect to where the source is, and let go. Raises SourceFailed, OSError."""
    introspect: Callable[[S, TableNames], list[LiveTable]] | None = None
    """The tables of these names, for the draft of a catalog."""

    check: Callable[[S, Sequence[Probe]], list[Problem]] | None = None
    """What is wrong with the source, which is reached for it, and with collections of it; no row is read."""

    @property
    def word(self) -> str:
        """`kind` of such a source."""
        return self.settings.kind
