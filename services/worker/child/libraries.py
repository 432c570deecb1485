"""Libraries that nearly every order uses, imported once in the server that forks the children.

pyarrow imports pandas where it is installed, when it makes an array of Python's objects. exportd has no use for it, and
it takes a fifth of a start and 30 MB. So children find that there is none.
"""

from services.runtime.interpreter import dataclass_methods, imports

dataclass_methods.install()
imports.hide("pandas")

import adbc_driver_manager.dbapi  # noqa: E402 - see above
import adbc_driver_sqlite.dbapi  # noqa: E402
import duckdb  # noqa: E402
import pyarrow.dataset  # noqa: E402

__all__ = ["adbc_driver_manager", "adbc_driver_sqlite", "duckdb", "pyarrow"]
