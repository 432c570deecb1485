"""A process that uses one SyncExportClient as a pre-fork server does: made at import, called in parent and children.

Arguments: the target, and "idle" or "watching": whether another thread of the parent is in a call at the fork. It
prints the ids that it was given, the parent's first.
"""

import asyncio
import os
import sys
import threading

from exportd_client import Patience, SyncExportClient
from tests.patience import PATIENCE_S

CHILDREN = 3


def _no_loop() -> None:
    raise AssertionError("the client for threads made an event loop")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(target: str, mode: str) -> None:
    asyncio.new_event_loop = _no_loop
    client = SyncExportClient(target, patience=Patience(first_contact=5, outage=5))
    _say(client.create("/invoices").id)
    if mode == "watching":
        _begin_watch(client)
    children = [_forked(client) for _ in range(CHILDREN)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * CHILDREN
    _say(client.create("/invoices").id)
    client.close()
    _say(client.create("/invoices").id)
    os._exit(0)  # a watch may still be open


def _begin_watch(client: SyncExportClient) -> None:
    began = threading.Event()
    export = client.create("/invoices")

    def watch() -> None:
        for _ in client.watch(export.id):
            began.set()

    threading.Thread(target=watch, daemon=True).start()
    assert began.wait(PATIENCE_S)


def _forked(client: SyncExportClient) -> int:
    child = os.fork()
    if not child:
        _say(client.create("/invoices").id)
        os._exit(0)
    return child


main(*sys.argv[1:])
