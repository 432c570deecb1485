"""The Source of a database, for any engine."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from services.contract.spec import JobSpec, ReadingMode
from services.worker.ports import Reading
from services.worker.sources.sql.keyset import check_order


class SqlSource:
    """One database. `opened` opens a reading of a spec; the order of a keyset reading is checked before."""

    def __init__(self, opened: Callable[[JobSpec], AbstractContextManager[Reading]]) -> None:
        self._opened = opened

    @contextmanager
    def read(self, spec: JobSpec) -> Iterator[Reading]:
        """See ports.Source. Raises SourceFailed."""
        if spec.reading is ReadingMode.KEYSET:
            check_order(spec)
        with self._opened(spec) as reading:
            yield reading
