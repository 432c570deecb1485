"""Previews: a caller asks, a free worker answers, and this process brings the two together in memory."""

import asyncio
from collections import deque
from collections.abc import Callable

from services.contract.capabilities import EVERYTHING, Capabilities, requirement_of_preview
from services.contract.codes import FailureCode
from services.contract.errors import InvalidRequest, NoWorker, PreviewFailed, ShuttingDown, Violation
from services.contract.outcome import Failure
from services.contract.preview import Preview, Previewed
from services.contract.spec import JobSpec

MAX_PENDING_PREVIEWS = 64


class _Question:
    """A preview and the caller who waits for it."""

    def __init__(self, preview: Preview, tenant: str) -> None:
        self.preview = preview
        self.tenant = tenant
        self.requirement = requirement_of_preview(preview.spec)
        self.taken = asyncio.Event()
        self.answer: asyncio.Future[Previewed | Failure] = asyncio.get_running_loop().create_future()


class LocalPreviewDesk:
    """A PreviewDesk within one process: a queue of previews, and workers that wait for them."""

    def __init__(self, new_id: Callable[[], str], *, taken_within_s: float, answered_within_s: float) -> None:
        """`new_id` returns a UUID.

        A caller waits at most `taken_within_s` for a worker, and `answered_within_s` in all.
        """
        self._new_id = new_id
        self._taken_within_s = taken_within_s
        self._answered_within_s = answered_within_s
        self._line: deque[_Question] = deque()
        self._questions: dict[str, _Question] = {}
        self._news = asyncio.Event()
        self._draining = False

    async def show(self, spec: JobSpec, rows: int, tenant: str = "") -> Previewed:
        """Return the first `rows` rows of `spec` for a tenant. Raises NoWorker, PreviewFailed."""
        if len(self._line) >= MAX_PENDING_PREVIEWS:
            raise NoWorker
        question = _Question(Preview(self._new_id(), spec, rows), tenant)
        self._questions[question.preview.id] = question
        self._line.append(question)
        try:
            self._tell()
            return await self._answered(question)
        finally:
            del self._questions[question.preview.id]
            if question in self._line:
                self._line.remove(question)

    @property
    def waiting(self) -> int:
        """The number of previews of this process's callers that no worker has taken yet."""
        return len(self._line)

    async def take(self, wait_s: float, can: Capabilities = EVERYTHING) -> Preview | None:
        """Return the next preview that a free worker with these capabilities can answer.

        Return None after `wait_s` seconds. Raises ShuttingDown.
        """
        give_up = asyncio.get_running_loop().time() + wait_s
        while not self._draining:
            question = next((each for each in self._line if can.meet(each.requirement, each.tenant)), None)
            if question:
                self._line.remove(question)
                question.taken.set()
                return question.preview
            try:
                async with asyncio.timeout_at(give_up):
                    await self._news.wait()
            except TimeoutError:
                return None
        raise ShuttingDown

    async def finish(self, preview_id: str, answer: Previewed | Failure) -> None:
        """Deliver a worker's answer to the caller. It is ignored if the caller no longer waits."""
        question = self._questions.get(preview_id)
        if question and isinstance(answer, Previewed) and len(answer.rows) > question.preview.rows:
            raise InvalidRequest((Violation("rows", f"must be at most {question.preview.rows}, as asked"),))
        if question and not question.answer.done():
            question.answer.set_result(answer)

    def drain(self) -> None:
        """End every wait in this process, because the process is stopping."""
        self._draining = True
        self._tell()

    def _tell(self) -> None:
        """Wake every waiting worker, not just one.

        A worker whose call is cut off as it wakes must not lose the preview.
        """
        self._news.set()
        self._news = asyncio.Event()

    async def _answered(self, question: _Question) -> Previewed:
        try:
            async with asyncio.timeout(self._answered_within_s):
                await self._taken(question)
                answer = await question.answer
        except TimeoutError:
            raise PreviewFailed(
                FailureCode.PREVIEW_TIMEOUT, f"reading them took longer than {self._answered_within_s:g} s"
            ) from None
        if isinstance(answer, Failure):
            raise PreviewFailed(answer.code, answer.message)
        return answer

    async def _taken(self, question: _Question) -> None:
        try:
            async with asyncio.timeout(self._taken_within_s):
                await question.taken.wait()
        except TimeoutError:
            raise NoWorker from None
