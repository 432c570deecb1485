"""The identities to which the ids of workers belong, in the memory of this process."""

from collections import OrderedDict

from services.api.ports.live import Stands, WorkerIdentity

MAX_WORKERS = 10_000
"""How many workers' identities a process remembers."""


class LocalWorkerIdentities:
    """Implements WorkerIdentities for a process that is alone. It forgets nothing while the process lives."""

    def __init__(self) -> None:
        self._taken: OrderedDict[str, WorkerIdentity] = OrderedDict()

    async def take(self, worker_id: str, identity: WorkerIdentity, stands: Stands) -> bool:
        """See WorkerIdentities."""
        there = self._taken.get(worker_id)
        if there and there.name != identity.name and await stands(there):
            return False
        self._taken[worker_id] = identity
        while len(self._taken) > MAX_WORKERS:
            self._taken.popitem(last=False)
        return True
