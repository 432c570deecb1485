"""Empty stores of one PostgreSQL that lasts as long as the tests of this process."""

from functools import cache

from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.migrate import migrate
from tests.servers.databases import new_database


def new_store() -> str:
    """The address of an empty one with the schema of this version: a copy of one that was made once."""
    return new_database(options=f"template {_template()}")


@cache
def shared_store() -> str:
    """The address of one for all who empty it before they use it: cheaper than one each."""
    return new_store()


@cache
def _template() -> str:
    url = new_database()
    migrate(Address(url))
    return url.partition("?")[0].rpartition("/")[2]
