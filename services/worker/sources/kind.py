"""What is known of a kind of source without its libraries: how its settings are read, and what it has."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

from services.runtime.toml import Table
from services.worker.sources.origin import Origin

if TYPE_CHECKING:
    from services.worker.sources.access import Access


class SourceSettings(Protocol):
    """Where one source is. Frozen, fit to be sent to a child, and its repr shows no secret."""

    kind: ClassVar[str]
    """Its word in the catalog and in sources.toml."""

    @property
    def id(self) -> str:
        """Its name there."""
        ...


S = TypeVar("S", bound=SourceSettings)


def _always(_: Table) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class SourceKind(Generic[S]):
    """A kind, by its class of settings. Several may share a word: the first of the table that `fits` is meant.

    `read` makes the settings of a table in sources.toml, fit for use only when it notes no mistake. `rows` and
    `attachments` say whether it has such; `module` is the one with its ACCESS, which opens them.
    """

    settings: type[S]
    read: Callable[[str, Table, Origin], S]
    module: str
    fits: Callable[[Table], bool] = _always
    rows: bool = False
    attachments: bool = False

    @property
    def word(self) -> str:
        """`kind` of such a source."""
        return self.settings.kind

    def access(self) -> "Access[S]":
        """Import what opens its sources, libraries and all."""
        access: Access[S] = import_module(self.module).ACCESS
        return access
