"""The identities to which the ids of workers belong, in the memory of this process."""

from collections import OrderedDict
from collections.abc import Sequence

from services.api.ports.live import Stands, WorkerIdentity

MAX_IDS_OF_IDENTITY = 1000
"""How many ids one identity holds. If it uses more, it loses the one that it used least recently, and no other does."""

MAX_IDENTITIES = 10_000
"""How many identities a process remembers. Each has credentials of its own, so that no worker can make many."""


class HeldIds:
    """Which ids the identities hold, up to a limit for each of them."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()

    def used(self, worker_id: str, name: str) -> Sequence[str]:
        """An identity uses an id. Return the ids that are thereby lost: to be forgotten by the caller."""
        ids = self._ids.setdefault(name, OrderedDict())
        ids[worker_id] = None
        ids.move_to_end(worker_id)
        self._ids.move_to_end(name)
        if len(ids) > MAX_IDS_OF_IDENTITY:
            return [ids.popitem(last=False)[0]]
        return [*self._ids.popitem(last=False)[1]] if len(self._ids) > MAX_IDENTITIES else []

    def left(self, worker_id: str, name: str) -> None:
        """An identity no longer has an id."""
        ids = self._ids.get(name, OrderedDict())
        ids.pop(worker_id, None)
        if not ids:
            self._ids.pop(name, None)


class LocalWorkerIdentities:
    """Implements WorkerIdentities for a process that is alone. It forgets nothing while the process lives."""

    def __init__(self) -> None:
        self._taken: dict[str, WorkerIdentity] = {}
        self._held = HeldIds()

    async def take(self, worker_id: str, identity: WorkerIdentity, stands: Stands) -> bool:
        """See WorkerIdentities."""
        while (there := self._taken.get(worker_id)) and there.name != identity.name:
            if await stands(there):
                return False
            if self._taken.get(worker_id) == there:  # no other call has taken it meanwhile
                self._held.left(worker_id, there.name)
                break
        self._taken[worker_id] = identity
        for lost in self._held.used(worker_id, identity.name):
            del self._taken[lost]
        return True
