"""What a call can be told about the api in the metadata of its answer: `exportctl doctor` asks for it."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from services.api.rpc.gate import CALLER
from services.api.rpc.metadata import Context, metadata
from services.api.world import World

ABOUT_KEY = "x-exportd-about"
"""A call with this key in its metadata gets the others."""

TIME_KEY = "x-exportd-time"
VERSION_KEY = "x-exportd-version"
EXPIRE_TIME_KEY = "x-exportd-credential-expire-time"


def about(context: Context, world: World) -> tuple[tuple[str, str], ...]:
    """Return the time of day and the version of the api, and when the caller's key or token expires, if it does.

    Return nothing unless the call asks for it. The caller must have been admitted.
    """
    if not metadata(context, ABOUT_KEY):
        return ()
    key = CALLER.get().key
    ends = key.expire_time if key else None
    told = ((TIME_KEY, world.wall().isoformat()), (VERSION_KEY, _version()))
    return (*told, (EXPIRE_TIME_KEY, ends.isoformat())) if ends else told


@cache
def _version() -> str:
    try:
        return version("exportd")
    except PackageNotFoundError:
        return ""
