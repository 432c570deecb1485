"""Which email addresses are taken: the plain form of one mailbox, which no mail program reads as anything else."""

import re

MAX_ADDRESS_CHARACTERS = 254
"""What fits between the angle brackets of SMTP."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_TOP = r"[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # no digit first: 127.0.0.1 is an address, and no domain ends so
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(\.{_ATOM})*@({_LABEL}\.)+{_TOP}")


def is_mailbox(address: str) -> bool:
    """One address such as anna@example.com: no name, no quotes, no comment, no list, ASCII, the host by name."""
    return len(address) <= MAX_ADDRESS_CHARACTERS and "=?" not in address and _ADDRESS.fullmatch(address) is not None
