"""Completions that the service offers. A shell in which somebody types neither waits long nor shows an error."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from itertools import zip_longest

import click
from click.shell_completion import CompletionItem

from exportd_client import Collection, Export, ExportClient, IdMatch, Patience, name_of
from exportd_client.cli.connection import client_for, given_in

MAX_WAIT_S = 1.0
MAX_IDS = 50
MIN_PREFIX_CHARACTERS = 4

Items = list[CompletionItem[str]]
_HURRIED = Patience(first_contact=0, outage=0)
Lookup = Callable[[ExportClient, str], Awaitable[Items]]


def suggested(name: str, context: click.Context, incomplete: str) -> Items:
    """Return the completions for `incomplete`; empty if the service does not answer in time."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        return asyncio.run(_within_time(_LOOKUPS[name], context, incomplete))
    except Exception:  # noqa: BLE001 - an error would be printed into the line that the user types
        return []


async def _within_time(lookup: Lookup, context: click.Context, incomplete: str) -> Items:
    async with asyncio.timeout(MAX_WAIT_S):
        async with client_for(given_in(context), _HURRIED) as client:
            return await lookup(client, incomplete)


async def _export_ids(client: ExportClient, incomplete: str) -> Items:
    newest = {export.id: _about(export) async for export in _newest(client)}
    found = await _found(client, incomplete, IdMatch.KIND_EXPORT)
    return _starting(incomplete, (dict.fromkeys(found, "export") | newest).items())


async def _export_and_file_ids(client: ExportClient, incomplete: str) -> Items:
    files = await _found(client, incomplete, IdMatch.KIND_FILE)
    return [*await _export_ids(client, incomplete), *_starting(incomplete, ((id_, "file") for id_ in files))]


async def _delivery_ids(client: ExportClient, incomplete: str) -> Items:
    return _starting(
        incomplete, ((id_, "notification") for id_ in await _found(client, incomplete, IdMatch.KIND_DELIVERY))
    )


async def _worker_ids(client: ExportClient, incomplete: str) -> Items:
    return _starting(incomplete, ((w.id, f"{w.running} running") for w in await client.operator.workers()))


async def _key_ids(client: ExportClient, incomplete: str) -> Items:
    valid = [(key.id, key.label or key.tenant) async for key in client.keys.list() if not key.HasField("revoke_time")]
    return _starting(incomplete, valid[:MAX_IDS])


async def _collection_codes(client: ExportClient, incomplete: str) -> Items:
    return _starting(incomplete, ((each.type, each.path) for each in await client.collections()))


async def _collection_uris(client: ExportClient, incomplete: str) -> Items:
    paths = ((_path(each, incomplete), each.description or each.type) for each in await client.collections())
    return _starting(incomplete, paths)


async def _newest(client: ExportClient) -> AsyncIterator[Export]:
    async with aclosing(client.list(page_size=MAX_IDS)) as exports:
        count = 0
        async for export in exports:
            yield export
            count += 1
            if count == MAX_IDS:
                return


async def _found(client: ExportClient, incomplete: str, kind: IdMatch.Kind.ValueType) -> list[str]:
    if len(incomplete.removeprefix("msg_")) < MIN_PREFIX_CHARACTERS:
        return []
    return [match.id for match in await client.find_ids(incomplete) if match.kind == kind]


def _path(collection: Collection, incomplete: str) -> str:
    """Return the path of a collection, with the parameter values that are already typed."""
    segments = zip_longest(collection.path.split("/"), incomplete.split("/"))
    return "/".join(
        typed if typed and segment.startswith("{") else segment for segment, typed in segments if segment is not None
    )


def _about(export: Export) -> str:
    return f"{name_of(Export.State, export.state)} {export.uri or export.type}"


def _starting(incomplete: str, offers: Iterable[tuple[str, str]]) -> Items:
    return [CompletionItem(value, help=help_) for value, help_ in offers if value.startswith(incomplete)]


_LOOKUPS: dict[str, Lookup] = {
    "export_ids": _export_ids,
    "export_and_file_ids": _export_and_file_ids,
    "delivery_ids": _delivery_ids,
    "worker_ids": _worker_ids,
    "key_ids": _key_ids,
    "collection_codes": _collection_codes,
    "collection_uris": _collection_uris,
}
