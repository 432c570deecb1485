"""A spec that reads no row, whatever its filter lets through."""

from dataclasses import replace

from services.contract.spec import JobSpec, Relation
from services.worker.ports import Source


def of_nothing(spec: JobSpec, relation: str, selected: str = "*") -> JobSpec:
    """The spec over `relation`, a table or a query in parentheses as SQL has it, without its rows."""
    return replace(spec, relation=Relation(query=f"select {selected} from {relation} where 1 = 0"))  # noqa: S608 - quoted


def read_nothing(source: Source, spec: JobSpec) -> None:
    """Every batch of a reading that has none. Raises SourceFailed."""
    with source.read(spec) as reading:
        for _ in reading.batches():
            pass
