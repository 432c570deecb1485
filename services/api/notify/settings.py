"""Settings of notifications."""

import ipaddress
import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from functools import cache
from pathlib import Path

from services.api.domain.notifications import Channel
from services.api.notify.addresses import HTTPS_ONLY, AddressRules, IPNetwork
from services.api.notify.mail_address import is_mailbox
from services.runtime.settings import SettingsReader
from services.runtime.startup import using

LAST_PORT = 65535
DEFAULT_ACCEPT_TIMEOUT = timedelta(minutes=10)
"""The value of RFC 5321, 4.5.3.2.6. If a client stops waiting earlier, mails may be delivered twice."""

MAX_ACCEPT_TIMEOUT_S = 3600
SPARE = timedelta(seconds=15)
"""How much longer a hold is than the longest attempt, for the name lookup and for storing the outcome."""


class Tls(Enum):
    """How a connection to the mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


_USUAL_PORT = {Tls.STARTTLS: 587, Tls.TLS: 465, Tls.NONE: 25}


@dataclass(frozen=True, slots=True)
class MailSettings:
    """A mail server and the sender's address. Without `user` there is no login.

    `timeout` is the limit for everything before the message, `accept_timeout` that for the answer to it.
    """

    host: str
    port: int
    tls: Tls
    user: str
    password: str = field(repr=False)
    sender: str
    timeout: timedelta
    accept_timeout: timedelta = DEFAULT_ACCEPT_TIMEOUT


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Settings of callbacks and mails.

    `mail` is None if no mail server is configured. `ca_file` has certificate authorities in addition to the system's.
    """

    callbacks: AddressRules
    callback_timeout: timedelta
    mail: MailSettings | None
    ca_file: Path | None

    @property
    def holds(self) -> dict[Channel, timedelta]:
        """How long a process holds a delivery of each channel: longer than any attempt."""
        mail = self.mail.timeout + self.mail.accept_timeout if self.mail else timedelta()
        return {Channel.CALLBACK: self.callback_timeout + SPARE, Channel.EMAIL: mail + SPARE}

    def tls(self) -> ssl.SSLContext:
        """Return the context that verifies receivers and the mail server. Raises CannotUse if `ca_file` is invalid."""
        if not self.ca_file:
            return _authorities_of_the_system()
        context = ssl.create_default_context()
        with using("EXPORTD_NOTIFY_CA_FILE", self.ca_file):
            context.load_verify_locations(self.ca_file)
        return context

    @classmethod
    def read(cls, read: SettingsReader) -> "NotifySettings":
        """Read the settings."""
        return cls(
            callbacks=AddressRules(
                networks=read.parsed("EXPORTD_CALLBACK_ALLOW_NETWORKS", (), _networks, "like 10.0.0.0/8,fd00::/8"),
                ports=read.parsed("EXPORTD_CALLBACK_PORTS", HTTPS_ONLY, _ports, "like 443,8000-8999"),
                http=read.choice("EXPORTD_CALLBACK_ALLOW_HTTP", "no", ("no", "yes")) == "yes",
            ),
            callback_timeout=read.seconds("EXPORTD_CALLBACK_TIMEOUT_S", 15, 1, 60),
            mail=_mail(read) if read.text("EXPORTD_SMTP_HOST", "") else None,
            ca_file=read.parsed("EXPORTD_NOTIFY_CA_FILE", None, _file, "a file that can be read"),
        )


@cache
def _authorities_of_the_system() -> ssl.SSLContext:
    """Load the system's authorities, once per process, since there are more than a hundred."""
    return ssl.create_default_context()


def _mail(read: SettingsReader) -> MailSettings:
    tls = Tls(read.choice("EXPORTD_SMTP_TLS", Tls.STARTTLS.value, tuple(each.value for each in Tls)))
    user = read.text("EXPORTD_SMTP_USER", "")
    if user and tls is Tls.NONE:
        read.problem("EXPORTD_SMTP_USER needs EXPORTD_SMTP_TLS starttls or tls: a password is not sent in the clear")
    if not (sender := read.parsed("EXPORTD_SMTP_FROM", "", _mailbox, "one address like exports@example.com")):
        read.problem("EXPORTD_SMTP_FROM is not set: EXPORTD_SMTP_HOST needs an address that mails are from")
    return MailSettings(
        host=read.text("EXPORTD_SMTP_HOST", ""),
        port=read.integer("EXPORTD_SMTP_PORT", _USUAL_PORT[tls], 1, LAST_PORT),
        tls=tls,
        user=user,
        password=read.secret("EXPORTD_SMTP_PASSWORD"),
        sender=sender,
        timeout=read.seconds("EXPORTD_SMTP_TIMEOUT_S", 30, 1, 300),
        accept_timeout=read.seconds(
            "EXPORTD_SMTP_ACCEPT_TIMEOUT_S", DEFAULT_ACCEPT_TIMEOUT.total_seconds(), 1, MAX_ACCEPT_TIMEOUT_S
        ),
    )


def _networks(text: str) -> tuple[IPNetwork, ...]:
    return tuple(ipaddress.ip_network(each.strip()) for each in text.split(","))


def _ports(text: str) -> tuple[range, ...]:
    return tuple(_port_range(*each.strip().split("-", 1)) for each in text.split(","))


def _port_range(first: str, last: str = "") -> range:
    ports = range(int(first), int(last or first) + 1)
    if not 1 <= ports.start < ports.stop <= LAST_PORT + 1:
        raise ValueError
    return ports


def _mailbox(text: str) -> str:
    if not is_mailbox(text):
        raise ValueError
    return text


def _file(text: str) -> Path | None:
    path = Path(text).expanduser()
    if not path.is_file():
        raise ValueError
    return path
