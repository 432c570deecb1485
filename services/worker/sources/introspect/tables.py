"""What a live database says of its tables."""

from dataclasses import dataclass

from services.contract.spec import ColumnType

SAMPLE = 1_000
"""How many values of a column are looked at."""
GUESSED = "guessed from the values"


@dataclass(frozen=True, slots=True)
class TableNames:
    """Which tables are meant: all of a schema, of all schemas, or those called `table`; empty: any."""

    schema: str = ""
    table: str = ""

    def mean(self, name: str, schema: str = "") -> bool:
        """Whether a table is among them. `table` may be its name, or `schema.name`, with double quotes or without."""
        asked = self.table.replace('"', "")
        return self.schema in ("", schema) and asked in ("", name.replace('"', ""), f"{schema}.{name}".replace('"', ""))


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """A column, and the type of the catalog that fits it.

    `comment` is the database's own, `note` says what is to know of the type; each is empty when there is none.
    """

    name: str
    type: ColumnType
    comment: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A column that holds keys of another table."""

    column: str
    table: str


@dataclass(frozen=True, slots=True)
class LiveTable:
    """A table, a view, files or pages. `relation` is what a catalog calls it, under the key `read_by`; of `http` the
    table has these `pages`.

    `key` is empty when there is none, which is fine unless it `needs_key`; `key_note` says what is to know of it.
    `comment` is the source's own, `note` says what could not be found out. Without columns it cannot be read.
    """

    relation: str
    name: str
    key: tuple[str, ...]
    columns: tuple[LiveColumn, ...]
    links: tuple[Link, ...] = ()
    comment: str = ""
    note: str = ""
    key_note: str = ""
    read_by: str = "table"
    needs_key: bool = True
    pages: tuple[tuple[str, str], ...] = ()
