"""Checks of the artifact store: whether it is there, and whether it belongs to a database."""

import os
from collections.abc import Iterator
from pathlib import Path

from services.api.doctor.files import space
from services.api.doctor.finding import Finding, fault, ok, warning
from services.api.settings import ApiSettings
from services.contract.store import MARKER, store_id_in
from services.objects.settings import BucketStore


def artifacts(settings: ApiSettings) -> Iterator[Finding]:
    """Check the folder or the bucket of the artifacts. Nothing is written."""
    if isinstance(settings.artifacts, BucketStore):
        yield _bucket(settings.artifacts)
    else:
        yield from _folder(settings.artifacts)


def _folder(root: Path) -> Iterator[Finding]:
    if not root.exists():
        yield ok("artifacts", f"{root} is created at the first start")
        return
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        yield fault("artifacts", f"this user cannot write into {root}", "give the folder to the user of the api")
        return
    marker = root / MARKER
    yield _marked(str(root), marker.read_bytes() if marker.exists() else None)
    yield space("artifacts", root)


def _bucket(bucket: BucketStore) -> Finding:
    import obstore  # noqa: PLC0415 - a folder needs none of it

    from services.objects.client import opened, understood  # noqa: PLC0415

    try:
        with understood():
            marker = obstore.get(opened(bucket), MARKER).bytes().to_bytes()
    except FileNotFoundError:
        return _marked(str(bucket), None)
    except OSError as unanswered:
        return fault("artifacts", f"{bucket} cannot be used: {unanswered}", "check its address and credentials")
    return _marked(str(bucket), marker)


def _marked(place: str, marker: bytes | None) -> Finding:
    if marker is None:
        return warning(
            "artifacts", f"{place} has no marker", "before the first start: nothing; later: name the right store"
        )
    try:
        return ok("artifacts", f"{place} is the store {store_id_in(marker)}")
    except ValueError:
        return fault("artifacts", f"the marker in {place} holds no UUID", "name the right store in EXPORTD_ARTIFACTS")
