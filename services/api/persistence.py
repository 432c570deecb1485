"""Opens what an api keeps: the server's keys, the database and the artifact store."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from services.api import key_sources
from services.api.ports.artifacts import ArtifactStore
from services.api.secrets.server_keys import ServerKeys
from services.api.settings import ApiSettings
from services.api.storage.artifacts.folder import FolderArtifactStore
from services.api.storage.datadir import DataDirectory
from services.api.stores import OpenedStore, opened
from services.api.tenants import LiveTenants
from services.api.world import World
from services.objects.settings import BucketStore
from services.runtime.startup import using


@dataclass(frozen=True, slots=True)
class Persistence:
    """The persistent state, and the server's keys."""

    keys: ServerKeys
    artifacts: ArtifactStore
    opened: OpenedStore


async def opened_persistence(
    settings: ApiSettings, tenants: LiveTenants, world: World, stack: AsyncExitStack
) -> Persistence:
    """Open the keys, the database and the artifact store, for as long as the `stack` lasts. Raises CannotStart."""
    if settings.database is None:
        stack.enter_context(_data_directory(settings))
    keys = key_sources.opened(settings, world.monotonic)
    place = settings.artifacts
    if not isinstance(place, BucketStore):
        folder = _folder(place)  # before a database is made
        return Persistence(keys, folder, await opened(settings, tenants, keys, world, stack))
    store = await opened(settings, tenants, keys, world, stack)
    known = await store.store.retention.artifact_store()
    return Persistence(keys, await asyncio.to_thread(_bucket, place, known), store)


def _folder(place: Path) -> ArtifactStore:
    with using("EXPORTD_ARTIFACTS", place):
        return FolderArtifactStore.in_folder(place)


def _bucket(place: BucketStore, known: str) -> ArtifactStore:
    """`known`: what the database says which store it is, for one that does not answer now. Raises CannotStart."""
    from services.api.storage.artifacts.objects import ObjectArtifactStore  # noqa: PLC0415 - a folder needs none of it

    return ObjectArtifactStore.in_bucket(place, known)


def _data_directory(settings: ApiSettings) -> DataDirectory:
    with using("EXPORTD_DATA_DIR", settings.data_dir):
        return DataDirectory.open(settings.data_dir)
