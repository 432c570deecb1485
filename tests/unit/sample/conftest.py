"""One small sample for all of these tests: the flights are all there, the invoices are few."""

from pathlib import Path

import pytest

from sample.build import build


@pytest.fixture(scope="session")
def sample_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("data") / "sample"
    build(directory, invoices=1_000, say=lambda _: None)
    return directory
