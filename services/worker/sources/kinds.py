"""All kinds of sources. A new kind is a folder of its own and an entry in KINDS."""

from typing import Any

from services.runtime.toml import Table
from services.worker.sources.attachments.kind import BUCKET, FOLDER
from services.worker.sources.files.kind import CSV, PARQUET
from services.worker.sources.http.kind import HTTP
from services.worker.sources.kind import SourceKind, SourceSettings
from services.worker.sources.sql.mysql.kind import MYSQL
from services.worker.sources.sql.other.kind import OTHER_SQL
from services.worker.sources.sql.postgres.kind import POSTGRES
from services.worker.sources.sql.sqlite.kind import SQLITE

KINDS: tuple[SourceKind[Any], ...] = (SQLITE, POSTGRES, MYSQL, OTHER_SQL, PARQUET, CSV, HTTP, FOLDER, BUCKET)
"""Of the kinds with the same word, the more specific ones come first."""

_WORDS = tuple(dict.fromkeys(kind.word for kind in KINDS))
_BY_SETTINGS = {kind.settings: kind for kind in KINDS}


def kind_of(settings: SourceSettings) -> SourceKind[Any]:
    """Return the kind of these settings."""
    return _BY_SETTINGS[type(settings)]


def kind_in(table: Table) -> SourceKind[Any] | None:
    """Return the kind that a table of sources.toml asks for. An unknown kind is noted in the table and gives None."""
    word = table.choice("kind", _WORDS)
    return next((kind for kind in KINDS if kind.word == word and kind.fits(table)), None)
