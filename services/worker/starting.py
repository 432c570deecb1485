"""The first steps of a start: what the settings say, and the server of the children.

That server imports large libraries for two thirds of a start. It begins before the supervisor imports its own modules.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from functools import partial

from services.runtime import logs, resources
from services.runtime.ownership import check_owner
from services.runtime.startup import check_folder, using
from services.worker import environment
from services.worker.artifacts.settings import FolderStore
from services.worker.child import entry
from services.worker.settings import WorkerSettings, from_env
from services.worker.sources.live import LiveSources
from services.worker.sources.settings import load, read_mask_key
from services.worker.sources.sources import Sources
from services.worker.supervisor import forkserver

OPEN_FILES = 1024
"""Number of files that the largest jobs have open at the same time, with some to spare."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A start that has begun. `preload` names the modules that children have imported."""

    settings: WorkerSettings
    sources: LiveSources
    preload: list[str]


def begin(environ: MutableMapping[str, str]) -> Begun:
    """Read the settings and the sources, and start the server of the children.

    Possible secrets are removed from `environ` before. Raises CannotStart, FileError.
    """
    settings = from_env(environ)
    _check_folders(settings)
    sources = LiveSources(partial(_sources, settings, dict(environ)))
    environment.forget(environ)
    environment.prepare_polars(environ)
    logs.configure("worker", settings.log_format)
    resources.raise_limit_of_files(OPEN_FILES)  # children inherit it
    preload = [*entry.MODULES, *sources.current.modules]
    forkserver.start(preload)
    return Begun(settings, sources, preload)


def _check_folders(settings: WorkerSettings) -> None:
    """Check that the folders belong to this user and can be written to. Raises CannotStart."""
    folders = [("EXPORTD_SCRATCH", settings.scratch)]
    if isinstance(settings.artifacts, FolderStore):
        folders.insert(0, ("EXPORTD_ARTIFACTS", settings.artifacts.root))
    for setting, folder in folders:
        with using(setting, folder):
            check_owner(folder)
        check_folder(folder, setting)


def _sources(settings: WorkerSettings, environ: Mapping[str, str]) -> Sources:
    """Read the sources from the files. `environ` has the secrets as of the start. Raises FileError."""
    return Sources(load(settings.sources, environ), read_mask_key(settings.mask_key))
