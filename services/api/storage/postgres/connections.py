"""Connections to PostgreSQL."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import set_json_dumps
from psycopg.types.string import TextLoader

from services.api.storage.postgres.pipelines import AwaitingCursor, PipelineConnection
from services.api.storage.postgres.texts import TextDumper
from services.api.storage.sql.column_types import to_json
from services.runtime.startup import CannotStart

SETTING = "EXPORTD_DATABASE"

MAX_PREPARED = 500
"""How many statements a connection keeps prepared. There are fewer."""

WAITS = {
    "application_name": "exportd-api",
    "connect_timeout": "5",
    # A machine that is gone does not answer: without these a call would wait for a quarter of an hour.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""Timeouts of connections, unless the address has others. All are in seconds, except the last one in ms."""

GUARDS = {
    # A process that is suspended in the middle of a transaction must not block the others.
    "idle_in_transaction_session_timeout": "10s",
    "statement_timeout": "60s",
}
"""Timeouts of sessions, unless the address has others. A pooler would not keep them."""


PLANS = dict.fromkeys(
    ("enable_hashjoin", "enable_mergejoin", "enable_bitmapscan", "enable_material", "enable_seqscan"), "off"
)
"""Settings of sessions that write: a list is joined by looking up its rows, each by an index and in their order.

Otherwise PostgreSQL decides by estimates of tables that it has not seen full yet, such as to read all running exports,
or the whole table.
"""

SOON = {"synchronous_commit": "off"}
"""Settings of sessions whose commits do not wait for the disk. A crash of the server may undo the last of them."""


class NoDatabase(CannotStart):
    """No database answers at the address."""

    def __init__(self, address: "Address", cause: object) -> None:
        lines = str(cause).strip().splitlines()
        super().__init__(f"{SETTING}: {address} cannot be used: {lines[0] if lines else cause}")


@dataclass(frozen=True, slots=True)
class Address:
    """A URL for libpq, `postgresql://…`. `pooled` says that a pooler may use another session for each transaction."""

    url: str = field(repr=False)
    pooled: bool = False

    def __str__(self) -> str:
        """Return a description without the password."""
        try:
            parts = conninfo_to_dict(self.url)
        except psycopg.ProgrammingError:
            return "(an address that libpq cannot read)"
        host, port, name = (parts.get(part, "") for part in ("host", "port", "dbname"))
        return f"PostgreSQL database {name or '(default)'} at {host or 'the local socket'}{f':{port}' if port else ''}"

    def writing_engine(self) -> sa.Engine:
        """Return an engine whose connections read committed data, and wait for other writers of the same row."""
        return self._engine("READ COMMITTED", PLANS)

    def soon_engine(self) -> sa.Engine:
        """Return an engine like `writing_engine`, for writes that may be lost if the server crashes."""
        return self._engine("READ COMMITTED", {**PLANS, **SOON})

    def reading_engine(self) -> sa.Engine:
        """Return an engine whose connections cannot write. Each query sees everything that was committed before it."""
        return self._engine("AUTOCOMMIT", {"default_transaction_read_only": "on"})

    def _engine(self, isolation: Any, guards: dict[str, str]) -> sa.Engine:
        return sa.create_engine(
            "postgresql+psycopg://",
            creator=self._connecting(guards),
            poolclass=sa.NullPool,
            isolation_level=isolation,
            skip_autocommit_rollback=True,
            use_native_hstore=False,
        )

    def _connecting(self, guards: dict[str, str]) -> Callable[[], Any]:
        def connect() -> Any:
            connection = PipelineConnection.connect(self.conninfo(guards), prepare_threshold=None if self.pooled else 5)
            connection.prepared_max = MAX_PREPARED
            connection.cursor_factory = AwaitingCursor
            connection.adapters.register_dumper(str, TextDumper)
            set_json_dumps(to_json, connection)
            for name in ("json", "jsonb"):  # the types of the columns read it: see sql/column_types.py
                connection.adapters.register_loader(name, TextLoader)
            return connection

        return connect

    def conninfo(self, guards: dict[str, str]) -> str:
        """Return libpq's connection string. `guards` are settings of the session, which a pooler would not keep."""
        more = {} if self.pooled else {"options": self._options({**GUARDS, **guards})}
        return make_conninfo(**cast("dict[str, Any]", {**WAITS, **conninfo_to_dict(self.url), **more}))

    def _options(self, guards: dict[str, str]) -> str:
        given = conninfo_to_dict(self.url).get("options") or ""
        return " ".join([*(f"-c {name}={value}" for name, value in guards.items()), str(given)]).strip()
