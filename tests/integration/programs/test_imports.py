"""What a process has not imported costs it neither time nor memory."""

import json
import subprocess
import sys

import pytest

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
PRINT = "import {module}, json, sys; print(json.dumps([name for name in {names} if name in sys.modules]))"


@pytest.mark.parametrize(
    ("module", "needed"),
    deep_but(
        [
            ("services.api.app", ["sqlalchemy", "cryptography"]),
            ("services.worker.app", []),
            ("services.worker.sources.kinds", []),
            ("services.gateway.app", []),
            ("exportd_client", []),
            ("exportd_client.cli.program", []),
        ],
        "services.api.app",
        "services.worker.app",
    ),
)
def test_a_process_imports_no_library_that_another_one_needs(module: str, needed: list[str]) -> None:
    asked = PRINT.format(module=module, names=HEAVY)
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == needed
