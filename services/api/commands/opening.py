"""The database of the settings, for a command beside an api that may be running."""

from contextlib import AsyncExitStack
from pathlib import Path

from services.api.secrets.server_keys import ServerKeys
from services.api.settings import ApiSettings
from services.api.storage.datadir import DataDirectory, DataDirectoryInUse
from services.api.storage.sql.database import Database
from services.api.storage.sqlite.database import SqliteDatabase
from services.api.stores import in_postgres
from services.runtime.startup import using


async def database_of(settings: ApiSettings, keys: ServerKeys, stack: AsyncExitStack) -> Database:
    """Open the database, even if another process has it open; the stack closes it. Raises CannotStart."""
    if settings.database is not None:
        return await in_postgres(settings.database, keys, stack)
    return await _in_file(settings.data_dir, stack)


async def _in_file(data_dir: Path, stack: AsyncExitStack) -> Database:
    with using("EXPORTD_DATA_DIR", data_dir):
        try:
            directory = stack.enter_context(DataDirectory.open(data_dir))
            database = await SqliteDatabase.open(directory.database)
        except DataDirectoryInUse:
            database = await SqliteDatabase.beside(DataDirectory.database_in(data_dir))
    return await stack.enter_async_context(database)
