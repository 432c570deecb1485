"""The artifact store, as far as both services must agree on it: names, the same in a folder and in an object store.

    .exportd-store             the marker, a UUID: which store this is
    {export}/{lease}/{name}    an artifact; only the holder of that lease writes below its prefix {export}/{lease}/
    .spool/                    in a folder: files being written

What begins with a dot is never an artifact. Whatever else lies there is not the services' and is left alone.
"""

import os
import re
import uuid
from pathlib import Path

from services.contract.job import LeaseRef

MARKER = ".exportd-store"
SPOOL = ".spool"

_ID = "[0-9A-Za-z][0-9A-Za-z_-]{0,127}"
_IDS = re.compile(_ID)
_KEYS = re.compile(f"({_ID}/{_ID}/)[0-9A-Za-z][0-9A-Za-z._-]{{0,127}}")
_PREFIXES = re.compile(f"{_ID}/{_ID}/")


def artifact_prefix(lease: LeaseRef) -> str:
    """Where the attempt under this lease puts its files; ends with a slash."""
    return f"{lease.export_id}/{lease.lease_id}/"


def artifact_key(lease: LeaseRef, name: str) -> str:
    """The key of one of its files. ValueError for parts that would lead elsewhere."""
    key = f"{artifact_prefix(lease)}{name}"
    if not is_key(key):
        raise ValueError(f"{key!r} is no key of an artifact")
    return key


def is_key(text: str) -> bool:
    """Whether an artifact may have this key."""
    return _KEYS.fullmatch(text) is not None


def is_prefix(text: str) -> bool:
    """Whether the attempt under some lease may write below it."""
    return _PREFIXES.fullmatch(text) is not None


def folder_of(root: Path, prefix: str) -> Path:
    """The folder below `root` that holds a prefix. What is removed is asked for here, beside any other check: a wrong
    name would take away what is not ours. ValueError for anything but a folder two levels below `root`.
    """
    folder = Path(os.path.normpath(root / prefix))
    if folder.parent.parent != Path(os.path.normpath(root)) or not all(map(is_part, folder.parts[-2:])):
        raise ValueError(f"{prefix!r} is not a prefix of artifacts")
    return folder


def is_part(text: str) -> bool:
    """Whether it may be the export or the lease in a prefix."""
    return _IDS.fullmatch(text) is not None


def marker_of(store_id: str) -> bytes:
    """What the marker of this store holds."""
    return f"{store_id}\n".encode()


def store_id_in(marker: bytes) -> str:
    """The store whose marker holds this. ValueError when it is no marker."""
    return str(uuid.UUID(marker.decode().strip()))
