"""Completions for ids and collections, which only the service knows."""

from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias

import click
from click.shell_completion import CompletionItem

Items: TypeAlias = list[CompletionItem[str]]
Suggest: TypeAlias = Callable[[click.Context, str], Items]


def _of(name: str) -> Suggest:
    def suggest(context: click.Context, incomplete: str) -> Items:
        # The client is loaded only when its answer is needed.
        items: Items = import_module("exportd_client.cli.suggested").suggested(name, context, incomplete)
        return items

    return suggest


export_ids = _of("export_ids")
export_and_file_ids = _of("export_and_file_ids")
delivery_ids = _of("delivery_ids")
worker_ids = _of("worker_ids")
key_ids = _of("key_ids")
collection_codes = _of("collection_codes")
collection_uris = _of("collection_uris")
