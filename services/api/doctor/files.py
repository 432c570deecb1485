"""Checks of the files that the settings name: catalog, tenants, server's key, data directory."""

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from services.api import tenants
from services.api.catalog.definition.file import load
from services.api.doctor.finding import Finding, fault, ok, warning
from services.api.settings import ApiSettings
from services.api.storage.datadir import KEY_BYTES, key_file
from services.runtime.toml import FileError

LOW_SPACE_BYTES = 2 << 30
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def catalog(settings: ApiSettings) -> Iterator[Finding]:
    """Check the catalog and the tenants file."""
    try:
        count = len(load(settings.catalog).collections)
    except FileError as mistakes:
        yield fault("catalog", str(mistakes), "correct the file; `exportd-api catalog check` reports every mistake")
    else:
        yield ok("catalog", f"{settings.catalog}: {count} collection{'s' if count > 1 else ''}")
    try:
        tenants.load(settings.tenants)
    except FileError as mistakes:
        yield fault("tenants", str(mistakes), "correct the file")
    else:
        yield ok("tenants", str(settings.tenants or "no file: every tenant has the same share"))


def server_key(settings: ApiSettings) -> Iterator[Finding]:
    """Check the server's key: its length, and who may read it."""
    file = key_file(settings.data_dir, settings.secret_key_file)
    try:
        size, mode = len(file.read_bytes()), file.stat().st_mode
    except FileNotFoundError:
        yield _no_key(settings, file)
        return
    except OSError as unreadable:
        yield fault("key", f"{file} cannot be read: {unreadable.strerror}", "let the user of the api read it")
        return
    if size < KEY_BYTES:
        yield fault("key", f"{file} has {size} bytes", f"a key has at least {KEY_BYTES} random bytes")
    elif mode & stat.S_IRWXO:
        yield warning("key", f"every user of this machine can access {file}", f"chmod o= {file}")
    else:
        yield ok("key", f"{file}: {size} bytes")


def _no_key(settings: ApiSettings, file: Path) -> Finding:
    if settings.secret_key_file is None:
        return ok("key", f"{file} is created at the first start")
    return fault("key", f"there is no {file}", f"head -c {KEY_BYTES} /dev/urandom > {file}")


def data_directory(settings: ApiSettings) -> Iterator[Finding]:
    """Check the data directory and the room on its disk. PostgreSQL needs none."""
    if settings.database is not None:
        return
    folder = settings.data_dir
    if not folder.exists():
        yield ok("data directory", f"{folder} is created at the first start")
        return
    yield space("data directory", folder)


def space(subject: str, folder: Path) -> Finding:
    """Check the free space of the disk with this folder."""
    free = shutil.disk_usage(folder).free
    found = f"{folder}: {free / 1e9:,.1f} GB free"
    if free < LOW_SPACE_BYTES:
        return warning(subject, found, "make room: without it exports are not accepted, and files cannot be stored")
    return ok(subject, found)
