from datetime import timedelta
from pathlib import Path

import pytest

from services.runtime.settings import SettingsError
from services.worker.artifacts.settings import FolderStore
from services.worker.concurrency.threads import threads_for
from services.worker.settings import from_env

LEAST = {"EXPORTD_SOURCES": "/etc/exportd/sources.toml"}


def test_only_the_sources_have_no_default() -> None:
    settings = from_env(LEAST)
    assert settings.queue_address == "127.0.0.1:50052"
    assert settings.artifacts == FolderStore(Path("exportd-data/artifacts").absolute())
    assert settings.scratch == Path("exportd-data/artifacts/.scratch").absolute()
    assert (settings.slots, settings.metrics, settings.log_format) == (2, "127.0.0.1:9465", "auto")
    assert settings.drain_grace == timedelta(seconds=60)
    assert settings.orphan_timeout == settings.no_progress_timeout == timedelta(minutes=10)


def test_the_artifacts_are_below_the_data_directory_unless_they_have_their_own_setting() -> None:
    assert from_env({**LEAST, "EXPORTD_DATA_DIR": "/srv/x"}).artifacts == FolderStore(Path("/srv/x/artifacts"))
    own = {**LEAST, "EXPORTD_DATA_DIR": "/srv/x", "EXPORTD_ARTIFACTS": "/mnt/files"}
    assert from_env(own).artifacts == FolderStore(Path("/mnt/files"))


def test_scratch_is_in_the_artifact_folder_unless_it_has_its_own_setting() -> None:
    own = {**LEAST, "EXPORTD_ARTIFACTS": "/mnt/files"}
    assert from_env(own).scratch == Path("/mnt/files/.scratch")
    assert from_env({**own, "EXPORTD_SCRATCH": "/srv/scratch"}).scratch == Path("/srv/scratch")


@pytest.mark.parametrize(("cores", "slots", "threads"), [(1, 2, 2), (2, 2, 2), (16, 2, 8), (16, 4, 4), (16, 64, 2)])
def test_jobs_share_the_cores(cores: int, slots: int, threads: int) -> None:
    assert threads_for(cores, slots) == threads


def test_how_many_threads_a_job_has_can_be_said() -> None:
    assert from_env({**LEAST, "EXPORTD_THREADS": "5"}).threads == 5


def test_metrics_can_be_off() -> None:
    assert from_env({**LEAST, "EXPORTD_WORKER_METRICS": "off"}).metrics == ""


def test_every_problem_is_told_at_once() -> None:
    wrong = {"EXPORTD_SLOTS": "65", "EXPORTD_WORKER_METRICS": "0.0.0.0:9465", "EXPORTD_DRAIN_GRACE_S": "soon"}
    with pytest.raises(SettingsError) as told:
        from_env(wrong)
    for name in ("EXPORTD_SOURCES", *wrong):
        assert name in str(told.value)
