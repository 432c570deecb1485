"""Previews that are asked of one process and answered by a worker of any process."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from services.api.live.preview_desk import MAX_PENDING_PREVIEWS
from services.api.live.shared import preview_rows as rows
from services.api.live.shared.messages import Kind
from services.api.live.shared.outgoing import Outgoing
from services.api.live.shared.periodic import periodically
from services.api.ports.clock import Clock
from services.api.ports.live import DetachedTasks
from services.api.secrets.answers import Answers, AnswerUnreadable
from services.api.storage.postgres.database import PostgresDatabase
from services.contract.capabilities import EVERYTHING, Capabilities
from services.contract.codec import preview_answer_from_bytes, preview_answer_to_bytes
from services.contract.codes import FailureCode
from services.contract.errors import (
    InvalidRequest,
    NoWorker,
    PreviewFailed,
    ShuttingDown,
    StoreUnavailable,
    Violation,
)
from services.contract.outcome import Failure
from services.contract.preview import Preview, Previewed
from services.contract.spec import JobSpec

LOOK_EACH_S = 0.5
"""How often everything that waits looks whether a hint was lost."""

CLEANED_EACH_S = 15.0


class SharedPreviewDesk:
    """A PreviewDesk over a table. A preview is a row in it as long as its caller waits."""

    def __init__(
        self,
        database: PostgresDatabase,
        outgoing: Outgoing,
        answers: Answers,
        detached: DetachedTasks,
        *,
        new_id: Callable[[], str],
        clock: Clock,
        taken_within_s: float,
        answered_within_s: float,
    ) -> None:
        """`new_id` returns a UUID. A caller waits `taken_within_s` for a worker, and `answered_within_s` in all."""
        self._database = database
        self._outgoing = outgoing
        self._answers = answers
        self._new_id = new_id
        self._clock = clock
        self._detached = detached
        self._taken_within_s = taken_within_s
        self._answered_within_s = answered_within_s
        self._asked: dict[str, asyncio.Event] = {}
        self._taken: set[str] = set()
        self._takers = 0
        self._news = asyncio.Event()
        self._draining = False

    @property
    def waiting(self) -> int:
        """Previews of this process's callers that no worker has taken, as far as is known."""
        return len(self._asked.keys() - self._taken)

    async def show(self, spec: JobSpec, rows_: int, tenant: str = "") -> Previewed:
        """Return the first `rows_` rows of `spec` for a tenant. Raises NoWorker, PreviewFailed, StoreUnavailable."""
        if self.waiting >= MAX_PENDING_PREVIEWS:
            raise NoWorker
        preview = Preview(self._new_id(), spec, rows_)
        self._asked[preview.id] = asyncio.Event()
        try:
            await self._ask(preview, tenant)
            return _shown(await self._answered(preview.id))
        finally:
            del self._asked[preview.id]
            self._taken.discard(preview.id)
            self._detached.start(self._removed(preview.id))

    async def take(self, wait_s: float, can: Capabilities = EVERYTHING) -> Preview | None:
        """The next preview that a worker that is free can answer; None after `wait_s`. Raises ShuttingDown."""
        give_up = asyncio.get_running_loop().time() + wait_s
        self._takers += 1
        try:
            while not self._draining:
                news = self._news  # before the look: no question falls between
                if preview := await self._taken_by(can):
                    return preview
                try:
                    async with asyncio.timeout_at(give_up):
                        await news.wait()
                except TimeoutError:
                    return None
        finally:
            self._takers -= 1
        raise ShuttingDown

    async def finish(self, preview_id: str, answer: Previewed | Failure) -> None:
        """A worker's answer; ignored if the caller no longer waits for it."""
        given = len(answer.rows) if isinstance(answer, Previewed) else 0
        sealed = await asyncio.to_thread(self._sealed, preview_id, answer)
        asked = await self._database.write_soon(lambda db: rows.answer(db, preview_id, sealed, given))
        if asked is not None:
            raise InvalidRequest((Violation("rows", f"must be at most {asked}, as asked"),))
        self._told(preview_id)

    def drain(self) -> None:
        """End every wait in this process: it is stopping."""
        self._draining = True
        self.look()

    async def run(self) -> None:
        """Look whether hints were lost, and delete expired previews, until cancelled."""
        await asyncio.gather(
            periodically(lambda: LOOK_EACH_S, self._look), periodically(lambda: CLEANED_EACH_S, self._remove)
        )

    # ---- what other processes announce

    def look(self) -> None:
        """Wake every waiting worker, because there may be a preview to answer."""
        self._news.set()
        self._news = asyncio.Event()

    def told(self, preview_id: str) -> None:
        """Wake the caller of a preview that was taken or answered."""
        if news := self._asked.get(preview_id):
            news.set()

    # ---- asking

    async def _ask(self, preview: Preview, tenant: str) -> None:
        now = self._clock()
        expire = now + timedelta(seconds=self._answered_within_s)
        await self._database.write_soon(lambda db: rows.put(db, preview, tenant, now, expire))
        self.look()
        self._outgoing.tell(Kind.ASKED)

    async def _answered(self, preview_id: str) -> Previewed | Failure:
        give_up = asyncio.get_running_loop().time() + self._taken_within_s
        try:
            async with asyncio.timeout(self._answered_within_s):
                while (sealed := await self._looked_at(preview_id, give_up)) is None:
                    pass
        except TimeoutError:
            raise PreviewFailed(
                FailureCode.PREVIEW_TIMEOUT, f"reading them took longer than {self._answered_within_s:g} s"
            ) from None
        return await asyncio.to_thread(self._opened, preview_id, sealed)

    async def _looked_at(self, preview_id: str, give_up: float) -> bytes | None:
        """Wait for news for a while, look, and return the answer if it is there. Raises NoWorker."""
        waits, now = preview_id not in self._taken, asyncio.get_running_loop().time()
        news = self._asked[preview_id]
        with suppress(TimeoutError):
            async with asyncio.timeout(min(LOOK_EACH_S, give_up - now) if waits else LOOK_EACH_S):
                await news.wait()
        news.clear()
        seen = await self._database.read(lambda db: rows.look(db, preview_id))
        if seen is None:  # PostgreSQL crashed, or it took too long
            raise StoreUnavailable
        if seen.taken:
            self._taken.add(preview_id)
        elif asyncio.get_running_loop().time() >= give_up:
            await self._withdraw(preview_id)
        return seen.answer

    async def _withdraw(self, preview_id: str) -> None:
        """Withdraw a preview, unless a worker has just taken it. Raises NoWorker."""
        if await self._database.write_soon(lambda db: rows.withdraw(db, preview_id)):
            raise NoWorker

    async def _removed(self, preview_id: str) -> None:
        with suppress(StoreUnavailable):  # it expires
            await self._database.write_soon(lambda db: rows.remove(db, preview_id))

    # ---- answering

    async def _taken_by(self, can: Capabilities) -> Preview | None:
        """Take a preview in a task of its own. If the call is cut off, what nobody can receive is given back."""
        task = self._detached.start(self._take(can))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._detached.start(self._given_back(task))
            raise

    async def _take(self, can: Capabilities) -> Preview | None:
        now = self._clock()
        while ids := await self._database.read_for_workers(lambda db: rows.open_for(db, can, now)):
            taking = tuple(ids)
            if preview := await self._database.write_soon(lambda db, taking=taking: rows.take(db, taking)):  # type: ignore[misc]
                self._told(preview.id)
                return preview
        return None

    async def _given_back(self, task: "asyncio.Task[Preview | None]") -> None:
        if preview := await task:
            await self._database.write_soon(lambda db: rows.give_back(db, preview.id))
            self.look()
            self._outgoing.tell(Kind.ASKED)

    async def _look(self) -> None:
        if not self._takers:
            return
        now = self._clock()
        if await self._database.read_for_workers(lambda db: rows.open_for(db, EVERYTHING, now)):
            self.look()

    async def _remove(self) -> None:
        now = self._clock()
        await self._database.write_soon(lambda db: rows.forget(db, now))

    def _told(self, preview_id: str) -> None:
        self.told(preview_id)
        if preview_id not in self._asked:
            self._outgoing.tell(Kind.TOLD, preview_id)

    def _sealed(self, preview_id: str, answer: Previewed | Failure) -> bytes:
        return self._answers.sealed(preview_answer_to_bytes(preview_id, answer), preview_id)

    def _opened(self, preview_id: str, sealed: bytes) -> Previewed | Failure:
        try:
            return preview_answer_from_bytes(self._answers.opened(sealed, preview_id))
        except (AnswerUnreadable, ValueError) as unreadable:
            raise StoreUnavailable from unreadable


def _shown(answer: Previewed | Failure) -> Previewed:
    if isinstance(answer, Failure):
        raise PreviewFailed(answer.code, answer.message)
    return answer
