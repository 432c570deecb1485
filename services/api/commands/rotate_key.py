"""The command that rotates the server's key, which seals passwords and keys digests."""

import argparse
import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TextIO

from services.api import key_sources, tenants
from services.api.commands.opening import database_of
from services.api.secrets import digests, ring_text, sealing
from services.api.secrets.ring import ID_BYTES, KEY_BYTES, KeyRing, KeyState, RotationRefused
from services.api.secrets.server_keys import ServerKeys
from services.api.settings import ApiSettings
from services.api.storage.sql.verbs.sealed import Forms, SqlSealedStore
from services.api.usecases.rotation import Needs, Rotation, removable, summary
from services.api.world import World
from services.runtime.startup import using

DONE, REFUSED = 0, 1
FORMS = Forms(sealing.MAGIC, sealing.HEAD_BYTES, digests.DIGEST_BYTES, ID_BYTES)
_STEPS = ("add", "make_primary", "reseal", "remove_unused", "show")
_SEVERAL = (
    "several processes may use this database, and each must know the new key before it is used: run "
    "`exportd-api rotate-key --add`, give the new keys to every api process, then `--make-primary` and `--reseal`"
)


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run a step of a rotation, or all of them: 0 if it is done, 1 if it is refused. Raises CannotStart.

    If the keys are not in a file that the command can write, `out` gets the new keys, and nothing else.
    """
    given = _parser().parse_args(arguments)
    command = _Command(ApiSettings.from_env(environ), World(), out, err)
    step = next((step for step in _STEPS if getattr(given, step)), "")
    try:
        if step in ("add", "make_primary"):
            return command.change(step)
        if step:
            return asyncio.run(command.in_database(step, receivers_changed=given.receivers_changed))
        return command.whole()
    except RotationRefused as refused:
        err.write(f"{refused}\n")
        return REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="exportd-api rotate-key",
        description="Rotate the server's key. Without an option: add a new key to the file of the keys, make it the "
        "primary one, and seal the stored passwords again. Old keys still open what they have sealed.",
    )
    step = parser.add_mutually_exclusive_group()
    step.add_argument("--add", action="store_true", help="add a new key, which is not used yet")
    step.add_argument("--make-primary", action="store_true", help="seal with the new key from now on")
    step.add_argument("--reseal", action="store_true", help="seal stored passwords again with the primary key")
    step.add_argument("--remove-unused", action="store_true", help="remove old keys, if nothing needs them")
    step.add_argument("--show", action="store_true", help="show the ids of the keys and what needs them")
    parser.add_argument(
        "--receivers-changed",
        action="store_true",
        help="with --remove-unused: the receivers of callbacks have the new secrets (exportd-api callback-secret)",
    )
    return parser


@dataclass(frozen=True, slots=True)
class _Command:
    settings: ApiSettings
    world: World
    out: TextIO
    err: TextIO

    def change(self, *steps: str) -> int:
        """Change the keys themselves. Raises RotationRefused."""
        if not key_sources.is_file(self.settings):
            self.out.write(ring_text.written(self._changed(key_sources.read(self.settings), *steps)))
            self.err.write(f"keep this in place of the previous {key_sources.named(self.settings)}\n")
            return DONE
        key_sources.read(self.settings)  # creates the first one
        file = key_sources.file_of(self.settings)
        with using("EXPORTD_SECRET_KEY_FILE", file), key_sources.changing(file):
            ring = self._changed(key_sources.read(self.settings), *steps)
            key_sources.write(file, ring)
        self.err.write("".join(f"{line}\n" for line in summary(ring)))
        return DONE

    def _changed(self, ring: KeyRing, *steps: str) -> KeyRing:
        now = self.world.wall()
        for step in steps:
            ring = (
                ring.with_new(secrets.token_bytes(KEY_BYTES), now) if step == "add" else ring.with_newest_primary(now)
            )
        return ring

    def whole(self) -> int:
        """Add a key, use it, and seal again what is stored, where one process alone reads the file."""
        if self.settings.database is not None or not key_sources.is_file(self.settings):
            raise RotationRefused(_SEVERAL)
        ring = key_sources.read(self.settings)
        self.change(*(() if ring.newest.state is KeyState.NEW else ("add",)), "make_primary")
        return asyncio.run(self.in_database("reseal", receivers_changed=False))

    async def in_database(self, step: str, *, receivers_changed: bool) -> int:
        """Run a step that looks into the database."""
        keys = ServerKeys(key_sources.read(self.settings))
        configured = tenants.load(self.settings.tenants).callback_secrets
        async with AsyncExitStack() as stack:
            store = SqlSealedStore(await database_of(self.settings, keys, stack), FORMS)
            rotation = Rotation(store, keys, self.world.wall, lambda tenant: tenant in configured)
            if step == "reseal":
                return await self._reseal(rotation)
            needs = await rotation.needs()
        if step == "show":
            return self._show(keys.ring, needs)
        return self._remove(needs, receivers_changed=receivers_changed)

    async def _reseal(self, rotation: Rotation) -> int:
        resealed = await rotation.reseal()
        self.err.write(f"passwords sealed again: {resealed.done}\n")
        if resealed.unreadable:
            self.err.write(f"passwords that no key opens: {resealed.unreadable}; their exports will fail\n")
        return DONE

    def _show(self, ring: KeyRing, needs: Sequence[Needs]) -> int:
        self.out.write("".join(f"{line}\n" for line in (*summary(ring), *map(_needed, needs))))
        return DONE

    def _remove(self, needs: Sequence[Needs], *, receivers_changed: bool) -> int:
        unused = removable(needs, receivers_changed=receivers_changed)
        for each in needs:
            if each.key not in unused:
                self.err.write(f"{_needed(each)}\n")
        if not unused:
            raise RotationRefused("no key was removed")
        return self._drop([key.id for key in unused])

    def _drop(self, ids: Sequence[str]) -> int:
        if not key_sources.is_file(self.settings):
            self.out.write(ring_text.written(key_sources.read(self.settings).without(ids)))
            self.err.write(f"keep this in place of the previous {key_sources.named(self.settings)}\n")
            return DONE
        file = key_sources.file_of(self.settings)
        with using("EXPORTD_SECRET_KEY_FILE", file), key_sources.changing(file):
            key_sources.write(file, key_sources.read(self.settings).without(ids))
        self.err.write(f"removed: {', '.join(id_ or 'first' for id_ in ids)}\n")
        return DONE


def _needed(needs: Needs) -> str:
    """Return a line that says what needs a key."""
    found = [
        f"{count} {what}"
        for count, what in (
            (needs.passwords, "passwords (run --reseal)"),
            (needs.keys, "API keys and worker tokens (until each is used once, or revoked)"),
            (needs.requests, "request_ids (for 24 hours)"),
            (needs.links, "download links (until each is opened once, expires or is revoked)"),
        )
        if count
    ]
    if needs.tokens_until:
        found.append(f"page tokens until {needs.tokens_until:%Y-%m-%d %H:%M} UTC")
    if needs.tenants:
        found.append(f"callbacks of {len(needs.tenants)} tenants, such as {needs.tenants[0]} (--receivers-changed)")
    return f"the key {needs.key.id or 'first'} is needed by: {', '.join(found) or 'nothing'}"
