"""Databases as earlier versions left them."""

import shutil
from pathlib import Path

import pytest

from services.api.storage.sqlite import migrate as migrate_module
from services.api.storage.sqlite.database import writing_engine
from services.api.storage.sqlite.migrate import migrate


def make_first_schema(database: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty database of the first schema; `folder` is for the migrations of that time."""
    then = folder / "migrations-of-then"
    shutil.copytree(migrate_module.MIGRATIONS, then, ignore=lambda _, names: [n for n in names if "0002" <= n < "9"])
    with monkeypatch.context() as patched:
        patched.setattr(migrate_module, "MIGRATIONS", then)
        migrate(writing_engine(database), database)
