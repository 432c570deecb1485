"""A spec that reads no rows, whatever its filter matches."""

from dataclasses import replace

from services.contract.spec import JobSpec, Relation
from services.worker.ports import Source


def of_nothing(spec: JobSpec, relation: str, selected: str = "*") -> JobSpec:
    """Return the spec over `relation` without any rows.

    `relation` is a table, or a query in parentheses, as SQL text.
    """
    return replace(spec, relation=Relation(query=f"select {selected} from {relation} where 1 = 0"))  # noqa: S608 - quoted


def read_nothing(source: Source, spec: JobSpec) -> None:
    """Read a spec that has no rows. Raises SourceFailed."""
    with source.read(spec) as reading:
        for _ in reading.batches():
            pass
