"""Checks of the files that the settings name: catalog, tenants, server's key, data directory."""

import shutil
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from services.api import key_sources, tenants
from services.api.catalog.definition.file import load
from services.api.doctor.finding import Finding, fault, ok, warning
from services.api.secrets.ring import KEY_BYTES, KeyRing, KeyState
from services.api.settings import ApiSettings
from services.runtime.startup import CannotStart
from services.runtime.toml import FileError

LOW_SPACE_BYTES = 2 << 30
OLD_KEY = timedelta(days=400)
"""A key that has been the primary one for longer should be rotated."""

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


def server_key(settings: ApiSettings, now: datetime) -> Iterator[Finding]:
    """Check the server's keys: whether they can be used, who may read their file, and how old the primary one is."""
    is_file = key_sources.is_file(settings)
    file = key_sources.file_of(settings)
    if is_file and not _is_there(file):
        yield _no_key(settings, file)
        return
    try:
        ring = key_sources.read(settings, make=False)
    except CannotStart as unusable:
        yield fault("key", str(unusable), f"a key has at least {KEY_BYTES} random bytes")
        return
    if is_file and file.stat().st_mode & stat.S_IRWXO:
        yield warning("key", f"every user of this machine can access {file}", f"chmod o= {file}")
    else:
        yield _age(ring, key_sources.named(settings), now)


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # the error is reported when the file is read
        return True


def _no_key(settings: ApiSettings, file: Path) -> Finding:
    if settings.secret_key_file is None:
        return ok("key", f"{file} is created at the first start")
    return fault("key", f"there is no {file}", f"head -c {KEY_BYTES} /dev/urandom > {file}")


def _age(ring: KeyRing, source: str, now: datetime) -> Finding:
    primary = ring.primary
    found = f"{source}: {len(ring.keys)} key{'s' if len(ring.keys) > 1 else ''}, the primary one is "
    if any(key.state is KeyState.NEW for key in ring.keys):
        return warning("key", f"{found}{primary.id or 'first'}, and a new one waits", "finish `exportd-api rotate-key`")
    since = f" since {primary.since:%Y-%m-%d}" if primary.since else ""
    if primary.since and now - primary.since > OLD_KEY:
        return warning("key", f"{found}{primary.id}{since}", "rotate it: `exportd-api rotate-key`")
    return ok("key", f"{found}{primary.id or 'first'}{since}")


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
