"""Callers who look at the first rows before they create an export."""

import asyncio
import time
from collections.abc import Mapping

from chaos.ledger import Ledger, PreviewRecord
from chaos.plan import PreviewQuestion
from exportd_client import ExportClient, ExportdError

_PAUSE_S = 0.2


class Previews:
    """Requests previews with `clients`, one per tenant, and records the outcomes in the `ledger`."""

    def __init__(self, clients: Mapping[str, ExportClient], ledger: Ledger) -> None:
        self._clients = clients
        self._ledger = ledger

    async def ask(self, question: PreviewQuestion, *, under_fire: bool = True) -> PreviewRecord:
        """Request a preview once. A refusal is recorded, too."""
        order = "&order[n]=desc" if question.descending else ""
        client = self._clients[question.tenant]
        try:
            answer = await client.preview(
                type=question.collection, query=f"n[gte]={question.first}{order}", max_rows=question.rows
            )
        except ExportdError as refused:
            record = PreviewRecord(question, under_fire, refusal=_reason(refused))
        else:
            record = PreviewRecord(question, under_fire, tuple(answer.rows), answer.rows_total)
        self._ledger.previews.append(record)
        return record

    async def ask_until_answered(self, question: PreviewQuestion, within_s: float) -> None:
        """Repeat a preview until it is answered. Nothing is broken any more, so it must be answered in the end."""
        until = time.monotonic() + within_s
        while (await self.ask(question, under_fire=False)).refusal and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE_S)  # until a worker is free


def _reason(refused: ExportdError) -> str:
    """Return the reason of a refusal; for PREVIEW_FAILED the failure, and without an answer the code."""
    return refused.metadata.get("failure") or refused.reason or refused.code
