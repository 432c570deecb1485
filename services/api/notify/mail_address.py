"""Which mail addresses are accepted: the plain form of one mailbox, which every mail program reads in the same way."""

import re

MAX_ADDRESS_CHARACTERS = 254
"""The limit of a path in SMTP (256), without its angle brackets."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_TOP = r"[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # no digit first, as in 127.0.0.1
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(\.{_ATOM})*@({_LABEL}\.)+{_TOP}")


def is_mailbox(address: str) -> bool:
    """Whether `address` is one plain address such as anna@example.com.

    It has no display name, no quotes and no comment; it is no list; it is ASCII; and its host is a name.
    """
    return len(address) <= MAX_ADDRESS_CHARACTERS and "=?" not in address and _ADDRESS.fullmatch(address) is not None
