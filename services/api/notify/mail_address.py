"""Which email addresses are taken: the plain form of one mailbox, which no mail program reads as anything else."""

import re

MAX_ADDRESS_CHARACTERS = 254
"""What fits between the angle brackets of SMTP."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})+")


def is_mailbox(address: str) -> bool:
    """One address such as anna@example.com: no name, no quotes, no comment, no list, ASCII, the host by name."""
    return len(address) <= MAX_ADDRESS_CHARACTERS and "=?" not in address and _ADDRESS.fullmatch(address) is not None
