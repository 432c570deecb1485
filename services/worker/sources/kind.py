"""What is known of the kinds of sources without their libraries: their settings and what they offer."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

from services.runtime.toml import Table
from services.worker.sources.origin import Origin

if TYPE_CHECKING:
    from services.worker.sources.access import Access
    from services.worker.sources.introspect.tables import LiveTable, TableNames


class SourceSettings(Protocol):
    """The settings of one source. They are frozen and can be sent to a child, and their repr shows no secret."""

    kind: ClassVar[str]
    """The value of `kind` in the catalog and in sources.toml."""

    @property
    def id(self) -> str:
        """The id of the source in the catalog and in sources.toml."""
        ...


S = TypeVar("S", bound=SourceSettings)
S_contra = TypeVar("S_contra", contravariant=True)


class Introspect(Protocol[S_contra]):
    """Returns the tables with these names, for the draft of a catalog. Raises SourceFailed."""

    def __call__(self, settings: S_contra, names: "TableNames", /) -> "list[LiveTable]": ...


def _always(_: Table) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class SourceKind(Generic[S]):
    """A kind of source, identified by its class of settings.

    Several kinds may share a word; the first one whose `fits` accepts the table is used. `read` makes the settings from
    a table of sources.toml; they are valid only if it notes no mistake. `rows` and `attachments` say whether the kind
    offers them. `module` is the name of the module whose ACCESS opens them. `introspection` is that of the module whose
    `tables` lists what there is, which needs fewer libraries; it is empty if a kind has no tables.
    """

    settings: type[S]
    read: Callable[[str, Table, Origin], S]
    module: str
    fits: Callable[[Table], bool] = _always
    rows: bool = False
    attachments: bool = False
    introspection: str = ""

    @property
    def word(self) -> str:
        """The value of `kind` of such a source."""
        return self.settings.kind

    def access(self) -> "Access[S]":
        """Import the functions of the kind, with its libraries."""
        access: Access[S] = import_module(self.module).ACCESS
        return access

    def introspect(self) -> "Introspect[S] | None":
        """Import what lists the tables of such a source. None if the kind has none."""
        if not self.introspection:
            return None
        tables: Introspect[S] = import_module(self.introspection).tables
        return tables
