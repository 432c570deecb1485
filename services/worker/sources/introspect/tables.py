"""The tables of a live source."""

from dataclasses import dataclass

from services.contract.spec import ColumnType

SAMPLE = 1_000
"""Number of values of a column that are examined."""
GUESSED = "guessed from the values"


@dataclass(frozen=True, slots=True)
class TableNames:
    """Selects tables by schema and name. An empty value selects any."""

    schema: str = ""
    table: str = ""

    def mean(self, name: str, schema: str = "") -> bool:
        """Whether a table is selected. `table` may be its name or `schema.name`, with or without double quotes."""
        asked = self.table.replace('"', "")
        return self.schema in ("", schema) and asked in ("", name.replace('"', ""), f"{schema}.{name}".replace('"', ""))


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """A column, and the type of the catalog that fits it.

    `comment` is the database's comment. `note` is a remark about the type. Each is empty when there is none.
    """

    name: str
    type: ColumnType
    comment: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A column that refers to the key of another table."""

    column: str
    table: str


@dataclass(frozen=True, slots=True)
class LiveTable:
    """A table, a view, files, or the pages of an HTTP API.

    A catalog names it by `relation` under the key `read_by`; for HTTP by a table with the keys `pages`. `key` is empty
    when there is none, which matters only if `needs_key`; `key_note` is a remark about it. `comment` is the source's
    comment, `note` says what could not be found out. A table without columns cannot be read.
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
