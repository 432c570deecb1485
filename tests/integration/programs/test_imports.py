"""What a process has not imported costs it neither time nor memory."""

import json
import subprocess
import sys

import pytest

from services.worker.child.entry import MODULES
from tests.tiers import deep_but

HEAVY = (
    "opentelemetry",
    "rich",
    "pandas",
    "obstore",
    "aiosmtplib",
    "sqlalchemy.dialects.postgresql",
    "pyarrow",
    "polars",
    "openpyxl",
    "lxml",
    "numpy",
    "duckdb",
    "sqlalchemy",
    "psycopg",
    "pymysql",
    "httpx",
    "cryptography",
    "alembic",
    "sqlalchemy.orm",
)
CHILDREN_OF_A_WORKER = " ".join(MODULES)
PRINT = (
    "from importlib import import_module as load; import json, sys; [*map(load, {modules})]; "
    "print(json.dumps([name for name in {names} if name in sys.modules]))"
)


@pytest.mark.parametrize(
    ("modules", "needed"),
    deep_but(
        [
            ("services.api.app", ["sqlalchemy", "cryptography"]),
            ("services.worker.app", []),
            (CHILDREN_OF_A_WORKER, ["pyarrow", "polars", "numpy", "duckdb", "cryptography"]),
            ("services.worker.sources.kinds", []),
            ("services.worker.sources.introspect.command services.worker.sources.sql.sqlite.introspect", []),
            ("services.gateway.app", []),
            ("exportd_client", []),
            ("exportd_client.cli.program", []),
        ],
        "services.api.app",
        "services.worker.app",
        CHILDREN_OF_A_WORKER,
    ),
)
def test_a_process_imports_no_library_that_another_one_needs(modules: str, needed: list[str]) -> None:
    asked = PRINT.format(modules=modules.split(), names=HEAVY)
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == needed
