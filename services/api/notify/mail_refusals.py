"""What a refusal of a mail server is about. A refusal about the recipient is permanent; operators can fix all others.

This follows RFC 5321 (codes), RFC 3463 and the registry of enhanced codes (5.1.1), and RFC 7504 (556).
"""

import re
from enum import Enum

_PERMANENT = range(500, 600)
_ENHANCED = re.compile(r"\s*5\.(\d{1,3})\.(\d{1,3})\b")

_ADDRESS, _MAILBOX = 1, 2
_OF_SENDER = frozenset({(_ADDRESS, 7), (_ADDRESS, 8), (_ADDRESS, 9)})
"""5.1.7 and 5.1.8 are about the sender's address; with 5.1.9 another server requires another way of delivery."""

_OF_RECIPIENT = frozenset({550, 551, 552, 553, 556})
"""Codes for RCPT that are about the recipient if there is no enhanced code.

They mean: no such mailbox, mailbox elsewhere, full, not allowed, and a domain without mail. The codes 500 to 504, 521,
530 to 538, 554, 555 and 571 are about commands, encryption, login and policy, which operators can fix.
"""


class Stage(Enum):
    """The part of a mail that was refused."""

    SENDER = "the sender"
    RECIPIENT = "the address"
    MESSAGE = "the message"


def about_recipient(stage: Stage, code: int, text: str) -> bool:
    """Whether no later attempt can help, because the address itself is wrong, closed or full.

    `text` is the text after the code. If it begins with an enhanced code, that decides.
    """
    if stage is Stage.SENDER or code not in _PERMANENT:
        return False
    if enhanced := _ENHANCED.match(text):
        subject, detail = int(enhanced[1]), int(enhanced[2])
        return subject in (_ADDRESS, _MAILBOX) and (subject, detail) not in _OF_SENDER
    return stage is Stage.RECIPIENT and code in _OF_RECIPIENT
