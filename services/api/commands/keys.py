"""The commands that create, list and revoke keys directly in the store. They need no running api, and allow one."""

import argparse
import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import TextIO

from services.api.commands.local_origin import local_origin
from services.api.commands.opening import database_of
from services.api.domain.keys import (
    CALLERS_SCOPES,
    MAX_LABEL_CHARACTERS,
    SCOPES_BEYOND_COLLECTIONS,
    Holder,
    Key,
    Scope,
    is_pattern,
)
from services.api.key_sources import read
from services.api.secrets.keys import KeyDigests
from services.api.secrets.server_keys import ServerKeys
from services.api.settings import ApiSettings
from services.api.storage.sql.stores import SqlKeyStore
from services.api.usecases.keys import Keys, NewKey
from services.api.usecases.origin import ORIGIN
from services.api.world import World
from services.contract.errors import KeyNotFound

DEFAULT_TENANT = "default"
PAGE = 200
_LENGTHS = {"h": timedelta(hours=1), "d": timedelta(days=1)}
_LENGTH = re.compile("([0-9]{1,4})([hd])")


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run the command and return the exit code. Raises CannotStart.

    `create` prints the key, and nothing else, to `out`. It cannot be shown again.
    """
    given = _given(arguments)
    settings = ApiSettings.from_env(environ)
    return asyncio.run(_run(given, settings, out, err))


def _given(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.command == "create":
        if given.collections and SCOPES_BEYOND_COLLECTIONS & {*given.scopes}:
            parser.error("--collections go with the scopes create, read and cancel only")
        if not all(map(is_pattern, given.collections)):
            parser.error("--collections: each must be the type of a collection, in which * and ? may stand")
    return given


async def _run(given: argparse.Namespace, settings: ApiSettings, out: TextIO, err: TextIO) -> int:
    ORIGIN.set(local_origin())
    async with AsyncExitStack() as stack:
        keys = await _keys(settings, stack)
        if given.command == "create":
            key, text = await keys.create(_wanted(given))
            out.write(f"{text}\n")
            err.write(f"key {key.id} of {_whose(key)}; it is shown this once\n")
        elif given.command == "list":
            _list([key async for key in _all(keys)], out, as_json=given.output == "json")
        else:
            try:
                key = await keys.revoke(given.id)
            except KeyNotFound as missing:
                err.write(f"{missing}\n")
                return 2
            err.write(f"key {key.id} of {_whose(key)} is revoked; every process knows it within a second\n")
    return 0


async def _keys(settings: ApiSettings, stack: AsyncExitStack) -> Keys:
    """Return the keys of the configured database, even if another process has it open."""
    server_keys = ServerKeys(read(settings))
    database = await database_of(settings, server_keys, stack)
    return Keys(SqlKeyStore(database), KeyDigests(server_keys), World().wall)


async def _all(keys: Keys) -> AsyncIterator[Key]:
    after = ""
    while page := await keys.page(None, after, PAGE):
        for key in page:
            yield key
        after = page[-1].id


def _wanted(given: argparse.Namespace) -> NewKey:
    if given.worker:
        return NewKey(
            Holder.WORKER,
            label=given.label,
            scopes=frozenset(),
            sources=frozenset(given.sources),
            lasts=given.lasts,
            tenants=frozenset(given.tenants),
        )
    return NewKey(
        Holder.CALLER,
        given.tenant,
        given.label,
        frozenset(given.scopes) or CALLERS_SCOPES,
        given.all_tenants,
        lasts=given.lasts,
        collections=frozenset(given.collections),
    )


def _list(keys: Sequence[Key], out: TextIO, *, as_json: bool) -> None:
    if as_json:
        out.write(json.dumps([_shown(key) for key in keys], indent=2) + "\n")
        return
    for key in keys:
        shown = _shown(key)
        state = "revoked" if key.revoke_time else f"until {shown['expire_time']}" if key.expire_time else "valid"
        allows = ",".join(sorted(scope.value for scope in key.scopes)) or ",".join(sorted(key.sources)) or "-"
        out.write(f"{key.id}\t{_whose(key)}\t{allows}\t{state}\t{key.label}\n")


def _shown(key: Key) -> dict[str, object]:
    return {
        "id": key.id,
        "holder": key.holder.name.lower(),
        "tenant": key.tenant,
        "label": key.label,
        "scopes": sorted(scope.value for scope in key.scopes),
        "all_tenants": key.all_tenants,
        "sources": sorted(key.sources),
        "collections": sorted(key.collections),
        "tenants": sorted(key.tenants),
        "create_time": key.create_time.isoformat(),
        "expire_time": _iso(key.expire_time),
        "revoke_time": _iso(key.revoke_time),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _whose(key: Key) -> str:
    if key.holder is Holder.WORKER:
        return "a worker"
    return f"tenant {key.tenant}" + (", for all tenants" if key.all_tenants else "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="exportd-api keys",
        description="API keys of callers and tokens of workers. It uses the settings of the api, which need not run.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="create a key and show it; it is never shown again")
    create.add_argument("--worker", action="store_true", help="create a token for workers instead of a key for callers")
    create.add_argument("--tenant", default=DEFAULT_TENANT, help=f"tenant of the key; default: {DEFAULT_TENANT}")
    create.add_argument(
        "--scopes",
        type=_scopes,
        default=(),
        help="some of create, read, cancel, operate, keys; default: create,read,cancel",
    )
    create.add_argument("--all-tenants", action="store_true", help="the scopes operate and keys cover every tenant")
    create.add_argument(
        "--sources", type=_words, default=(), help="for a worker: ids of the sources that it may read; default: all"
    )
    create.add_argument(
        "--tenants", type=_words, default=(), help="for a worker: tenants whose exports it builds; default: all"
    )
    create.add_argument(
        "--collections",
        type=_words,
        default=(),
        help="for a caller: codes of the collections that it sees, such as Orders or Invoice*; default: all",
    )
    create.add_argument("--label", type=_label, default="", help="what the key is for")
    create.add_argument(
        "--lasts",
        type=_length,
        default=None,
        help="how long the key is valid, such as 90d or 12h; default: until it is revoked",
    )
    listing = commands.add_parser("list", help="show every key without its text")
    listing.add_argument("--output", choices=("text", "json"), default="text")
    commands.add_parser("revoke", help="revoke a key; it is refused within a second").add_argument(
        "id", help="id of the key, as `list` shows it"
    )
    return parser


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _scopes(text: str) -> tuple[Scope, ...]:
    try:
        return tuple(map(Scope, _words(text)))
    except ValueError as unknown:
        raise argparse.ArgumentTypeError(f"{unknown}; there are create, read, cancel, operate and keys") from unknown


def _label(text: str) -> str:
    if len(text) > MAX_LABEL_CHARACTERS or not text.isprintable():
        raise argparse.ArgumentTypeError(f"at most {MAX_LABEL_CHARACTERS} printable characters")
    return text


def _length(text: str) -> timedelta:
    found = _LENGTH.fullmatch(text)
    if found is None or not int(found[1]):
        raise argparse.ArgumentTypeError("a number and h or d, such as 90d")
    return int(found[1]) * _LENGTHS[found[2]]
