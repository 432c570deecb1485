"""A store, the worker's way in and the api's way out."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from services.api.ports.artifacts import ArtifactStore
from services.worker.artifacts import open_sink
from services.worker.ports import ArtifactSink
from tests.integration.artifacts.places import BucketPlace, FolderPlace, Place
from tests.servers import azurite
from tests.servers.object_store import bucket_of
from tests.tiers import deep_but


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with azurite.azurite(tmp_path_factory.mktemp("azurite")) as endpoint:
        yield endpoint


@pytest.fixture(params=deep_but(["folder", "bucket", "azure"], "folder", "bucket"))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return FolderPlace(tmp_path)
    if request.param == "azure":
        return BucketPlace(azurite.container_of(request.getfixturevalue("azure")))
    return BucketPlace(bucket_of(request.getfixturevalue("object_store")))


@pytest.fixture
def folder(tmp_path: Path) -> FolderPlace:
    """For what only a folder has."""
    place = FolderPlace(tmp_path)
    place.opened_by_api()
    return place


@pytest.fixture
def reader(place: Place) -> ArtifactStore:
    return place.opened_by_api()


@pytest.fixture
def sink(place: Place, reader: ArtifactStore) -> Iterator[ArtifactSink]:
    with closing(open_sink(place.settings)) as opened:
        yield opened
