"""The names in the artifact store on which both services must agree. They are the same in a folder and in a bucket.

    .exportd-store             the marker, a UUID that identifies the store
    {export}/{lease}/{name}    an artifact; only the holder of that lease writes below its prefix {export}/{lease}/
    .spool/                    in a folder: files that are being written

A name that begins with a dot is never an artifact. The services leave any other files alone.
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
    """Return the prefix for the files of the attempt under this lease. It ends with a slash."""
    return f"{lease.export_id}/{lease.lease_id}/"


def artifact_key(lease: LeaseRef, name: str) -> str:
    """Return the key of a file of an attempt. Raises ValueError for parts that would lead elsewhere."""
    key = f"{artifact_prefix(lease)}{name}"
    if not is_key(key):
        raise ValueError(f"{key!r} is no key of an artifact")
    return key


def is_key(text: str) -> bool:
    """Whether an artifact may have this key."""
    return _KEYS.fullmatch(text) is not None


def is_prefix(text: str) -> bool:
    """Whether the text is a prefix of an attempt."""
    return _PREFIXES.fullmatch(text) is not None


def folder_of(root: Path, prefix: str) -> Path:
    """Return the folder below `root` for a prefix.

    The folder may be deleted, so this check is made in addition to any other: a wrong name would delete other files.
    Raises ValueError unless the folder is exactly two levels below `root`.
    """
    folder = Path(os.path.normpath(root / prefix))
    if folder.parent.parent != Path(os.path.normpath(root)) or not all(map(is_part, folder.parts[-2:])):
        raise ValueError(f"{prefix!r} is not a prefix of artifacts")
    return folder


def is_part(text: str) -> bool:
    """Whether the text may be the export or the lease in a prefix."""
    return _IDS.fullmatch(text) is not None


def marker_of(store_id: str) -> bytes:
    """Return the content of this store's marker."""
    return f"{store_id}\n".encode()


def store_id_in(marker: bytes) -> str:
    """Return the id of the store with this marker. Raises ValueError when the content is not that of a marker."""
    return str(uuid.UUID(marker.decode().strip()))
