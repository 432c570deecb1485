"""The statements that depend on an engine's Dialect, built once for each engine."""

from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from services.api.storage.sql.column_types import UtcTime
from services.api.storage.sql.database import Dialect
from services.api.storage.sql.settlements import Settlements
from services.api.storage.sql.tables import installation, requests, tenants
from services.api.storage.sql.transitions import Failures


@dataclass(frozen=True, slots=True, eq=False)
class Statements:
    """The statements.

    `take_request_id` returns a row if the request_id could be taken: it was free, or it had lapsed (`lapsed`).
    `take_turn` writes a tenant's turn. `keep_store` stores the artifact store unless there is one already.
    """

    dialect: Dialect
    failures: Failures
    settlements: Settlements
    take_request_id: sa.Insert
    take_turn: sa.Insert
    keep_store: sa.Insert


@cache
def statements_of(dialect: Dialect) -> Statements:
    """Return the statements in this dialect: always the same ones, so that what is built of them can be kept, too."""
    lapsed = requests.c.create_time <= sa.bindparam("lapsed", type_=UtcTime)
    take = dialect.insert_or_set(requests, ("digest", "export_id", "create_time"), when=lapsed)
    return Statements(
        dialect=dialect,
        failures=Failures.of(dialect),
        settlements=Settlements.of(dialect),
        take_request_id=take.returning(requests.c.export_id),
        take_turn=dialect.insert_or_set(tenants, ("vtime", "served")),
        keep_store=dialect.insert_or_keep(installation),
    )
