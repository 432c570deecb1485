"""A table with a column of each kind, for tests of statements."""

from enum import Enum

import sqlalchemy as sa

from services.api.storage.sql.column_types import Json, Length, UtcTime


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


def things(*, unique_names: bool) -> sa.Table:
    """The table, with metadata of its own."""
    return sa.Table(
        "things",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, unique=unique_names),
        sa.Column("colour", sa.Enum(Colour, native_enum=False)),
        sa.Column("made", UtcTime),
        sa.Column("length", Length),
        sa.Column("more", Json),
        sa.Column("is_there", sa.Boolean),
    )
