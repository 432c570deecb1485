"""Checks the targets of notifications when an export is created."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from services.api.domain.callbacks import NO_CALLBACKS, CallbackDefaults, TenantCallbacks
from services.api.domain.quotas import Quotas, TenantQuotas
from services.api.notify.mail_address import MAX_ADDRESS_CHARACTERS, is_mailbox
from services.api.notify.settings import NotifySettings
from services.contract.errors import Violation


class Targets:
    """Knows where and how tenants are notified, and finds mistakes in targets without any network access."""

    def __init__(
        self, settings: NotifySettings, quotas: TenantQuotas | None = None, callbacks: TenantCallbacks | None = None
    ) -> None:
        """Without `quotas` no tenant has domains of its own; without `callbacks` all have the same defaults."""
        self._quotas = quotas
        self._callbacks = callbacks
        self._rules = settings.callbacks
        self._mails = settings.mail is not None

    def callbacks(self, tenant: str) -> CallbackDefaults:
        """Return what the operator has chosen for the tenant's callbacks."""
        return self._callbacks.callbacks(tenant) if self._callbacks else NO_CALLBACKS

    def violations(
        self,
        tenant: str,
        notify_email: str,
        callback_url: str,
    ) -> Iterator[Violation]:
        """Yield what is wrong with both fields. Empty ones are valid."""
        if callback_url:
            yield from (Violation("callback_url", mistake) for mistake in self._rules.mistakes(callback_url))
        if notify_email:
            yield from self._of_mail(notify_email)
        if self._quotas is not None and (callback_url or notify_email):
            yield from _of_domains(self._quotas.quotas(tenant), notify_email, callback_url)

    def _of_mail(self, address: str) -> Iterator[Violation]:
        if not self._mails:
            yield Violation("notify_email", "this server sends no mail: its operator has to set EXPORTD_SMTP_HOST")
        if not is_mailbox(address):
            yield Violation(
                "notify_email",
                "must be one plain ASCII address such as anna@example.com,"
                f" of at most {MAX_ADDRESS_CHARACTERS} characters",
            )


def _of_domains(quotas: Quotas, notify_email: str, callback_url: str) -> Iterator[Violation]:
    mail_domain = notify_email.rpartition("@")[2]
    if notify_email and not _allowed(mail_domain, quotas.mail_domains):
        yield Violation("notify_email", f"this tenant's mail may go to {', '.join(quotas.mail_domains)} only")
    if callback_url and not _allowed(_host_of(callback_url), quotas.callback_domains):
        yield Violation("callback_url", f"this tenant's callbacks may go to {', '.join(quotas.callback_domains)} only")


def _allowed(domain: str, allowed: Sequence[str]) -> bool:
    """Each allowed domain stands for all domains below it, too."""
    return not allowed or any(f".{domain.lower()}".endswith(f".{each}") for each in allowed)


def _host_of(url: str) -> str:
    """Return the host of a URL; empty if it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
