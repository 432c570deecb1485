"""Checks the targets of notifications when an export is created."""

from collections.abc import Iterator

from services.api.notify.mail_address import MAX_ADDRESS_CHARACTERS, is_mailbox
from services.api.notify.settings import NotifySettings
from services.contract.errors import Violation


class Targets:
    """Finds mistakes in the targets of a request, without any network access."""

    def __init__(self, settings: NotifySettings) -> None:
        self._rules = settings.callbacks
        self._mails = settings.mail is not None

    def violations(
        self,
        tenant: str,  # noqa: ARG002 - the rules are the same for all
        notify_email: str,
        callback_url: str,
    ) -> Iterator[Violation]:
        """Yield what is wrong with both fields. Empty ones are valid."""
        if callback_url:
            yield from (Violation("callback_url", mistake) for mistake in self._rules.mistakes(callback_url))
        if notify_email:
            yield from self._of_mail(notify_email)

    def _of_mail(self, address: str) -> Iterator[Violation]:
        if not self._mails:
            yield Violation("notify_email", "this server sends no mail: its operator has to set EXPORTD_SMTP_HOST")
        if not is_mailbox(address):
            yield Violation(
                "notify_email",
                "must be one plain ASCII address such as anna@example.com,"
                f" of at most {MAX_ADDRESS_CHARACTERS} characters",
            )
