"""The operator, who retries exports that failed permanently."""

from chaos.calls import with_retries
from chaos.findings import Findings, Violation
from chaos.ledger import Account
from chaos.workload import PASSWORD
from exportd_client import Export, ExportClient, FailedPrecondition, Unavailable

MAX_ATTEMPTS = 10
"""The attempts of each new run."""


class Operator:
    """Retries exports, and checks that a password is required again."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    async def retry(self, client: ExportClient, account: Account, ended: Export) -> None:
        """Begin a new run of an export whose state `ended` is permanently failed. A refusal becomes a finding."""
        try:
            if account.scenario.password:
                await self._retry_without_password(client, account)
            account.observe(await with_retries(lambda: self._retry_once(client, account, ended)))
        except FailedPrecondition as refused:
            self._findings.add(Violation.BAD_RETRY, account.id, f"refused: {refused}")
        else:
            account.retries_confirmed += 1

    async def _retry_once(self, client: ExportClient, account: Account, ended: Export) -> Export:
        """Retry once. If the call breaks off, the number of the run tells whether it was carried out."""
        account.retry_requests += 1
        try:
            return await self._call(client, account, PASSWORD if account.scenario.password else None)
        except (Unavailable, FailedPrecondition):
            export = await with_retries(lambda: client.get(account.id))
            if export.run == ended.run:
                raise
            return export

    async def _retry_without_password(self, client: ExportClient, account: Account) -> None:
        try:
            await with_retries(lambda: self._call(client, account, None))
        except FailedPrecondition as refused:
            if refused.reason == "PASSWORD_REQUIRED":
                return
            raise
        account.retry_requests += 1
        self._findings.add(Violation.BAD_RETRY, account.id, "an encrypted export was retried without its password")

    @staticmethod
    async def _call(client: ExportClient, account: Account, password: str | None) -> Export:
        return await client.operator.retry(account.id, max_attempts=MAX_ATTEMPTS, password=password)
