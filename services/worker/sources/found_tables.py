"""What a live database says of its tables."""

from dataclasses import dataclass

from services.contract.spec import ColumnType


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column, and the type of the catalog that fits it; `comment` is empty when there is none."""

    name: str
    type: ColumnType
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A column that holds keys of another table."""

    column: str
    table: str


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table or view; `relation` is what a catalog calls it, `key` is empty when it has no primary key."""

    relation: str
    name: str
    key: tuple[str, ...]
    columns: tuple[FoundColumn, ...]
    links: tuple[Link, ...] = ()
    comment: str = ""
