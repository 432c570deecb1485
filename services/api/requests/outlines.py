"""What requests become. It is kept, since callers ask for the same again and again, each time with a new request_id."""

from dataclasses import dataclass
from datetime import datetime

from services.api.catalog.model import Catalog
from services.api.domain.callbacks import CallbackDefaults
from services.api.domain.export import Export
from services.api.requests.resolver import MAX_CATALOGS_KNOWN, MAX_KNOWN
from services.contract.altered import altered
from services.contract.spec import JobSpec


@dataclass(frozen=True, slots=True)
class Outline:
    """A checked request: the new export, without what differs between two equal requests, and its job specification."""

    export: Export
    spec: JobSpec

    def export_of(self, export_id: str, now: datetime, trace: str) -> Export:
        """Return the export with its id, its times and the `traceparent` of its call."""
        return altered(self.export, id=export_id, create_time=now, update_time=now, trace=trace)


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything beside the catalog on which the outline of a request depends.

    `body` is the request; see CreateRequest. `callbacks` are what the operator has chosen for the tenant.
    """

    body: bytes
    may_read: bool
    any_format: bool
    tenant: str
    callbacks: CallbackDefaults


class Outlines:
    """Keeps outlines. Refusals are not kept."""

    def __init__(self) -> None:
        self._catalogs: dict[int, Catalog] = {}  # by identity: comparing two would take longer than planning
        self._known: dict[tuple[int, Asked], Outline] = {}

    @property
    def kept(self) -> int:
        """The number of outlines that are kept."""
        return len(self._known)

    def find(self, catalog: Catalog, asked: Asked) -> Outline | None:
        """Return the outline that was kept for the same request to the very same catalog; None if there is none."""
        return self._known.get((id(catalog), asked))

    def keep(self, catalog: Catalog, asked: Asked, outline: Outline) -> None:
        """Keep an outline."""
        is_full = len(self._known) >= MAX_KNOWN
        if is_full or (id(catalog) not in self._catalogs and len(self._catalogs) >= MAX_CATALOGS_KNOWN):
            self._catalogs, self._known = {}, {}
        self._catalogs[id(catalog)] = catalog
        self._known[id(catalog), asked] = outline
