"""What a refusal of a mail server means for the next try."""

import pytest

from services.api.notify.mail_refusals import Stage, about_recipient

SENDER, RECIPIENT, MESSAGE = Stage.SENDER, Stage.RECIPIENT, Stage.MESSAGE


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, "5.1.1 <anna@example.com>: Recipient address rejected: User unknown"),
        (550, "nobody of that name"),
        (551, "User not local; please try <forward-path>"),
        (552, "5.2.2 mailbox full"),
        (552, "Requested mail action aborted: exceeded storage allocation"),
        (553, "mailbox name not allowed"),
        (554, "5.2.1 mailbox disabled"),
        (556, "Domain does not accept mail"),
        (556, "5.1.10 Recipient address has null MX"),
        (501, "5.1.3 Bad recipient address syntax"),
        (550, "5.1.6 mailbox has moved"),
    ],
)
def test_an_address_that_is_wrong_closed_or_full_is_given_up(code: int, text: str) -> None:
    assert about_recipient(RECIPIENT, code, text)


@pytest.mark.parametrize(
    ("stage", "code", "text"),
    [
        (SENDER, 530, "Must issue a STARTTLS command first"),
        (SENDER, 530, "5.7.0 Authentication required"),
        (SENDER, 550, "5.1.1 whatever it says of the sender"),
        (SENDER, 552, "5.3.4 Message size exceeds fixed limit"),
        (SENDER, 553, "5.7.1 Sender address rejected: not owned by user"),
        (RECIPIENT, 500, "Command unrecognized"),
        (RECIPIENT, 501, "Syntax error in parameters"),
        (RECIPIENT, 503, "5.5.1 Error: need MAIL command"),
        (RECIPIENT, 521, "this server takes no mail"),
        (RECIPIENT, 530, "5.7.0 Must issue a STARTTLS command first"),
        (RECIPIENT, 535, "5.7.8 Authentication credentials invalid"),
        (RECIPIENT, 550, "5.7.1 Relaying denied"),
        (RECIPIENT, 550, "5.4.1 no route"),
        (RECIPIENT, 550, "5.1.8 Bad sender's system address"),
        (RECIPIENT, 550, "5.1.7 Bad sender's mailbox address syntax"),
        (RECIPIENT, 554, "5.7.1 <anna@example.com>: Relay access denied"),
        (RECIPIENT, 554, "No SMTP service here"),
        (RECIPIENT, 555, "parameters not recognized"),
        (RECIPIENT, 571, "Delivery not authorized"),
        (RECIPIENT, 450, "4.2.1 mailbox busy"),
        (RECIPIENT, 452, "too many recipients"),
        (MESSAGE, 550, "this is spam"),
        (MESSAGE, 552, "5.3.4 Message too big for system"),
        (MESSAGE, 554, "5.6.0 content refused"),
        (MESSAGE, 554, "5.7.1 blocked by policy"),
    ],
)
def test_what_an_operator_can_mend_is_tried_again(stage: Stage, code: int, text: str) -> None:
    assert not about_recipient(stage, code, text)


def test_a_mailbox_that_refuses_the_message_itself_is_given_up() -> None:
    assert about_recipient(MESSAGE, 550, "5.1.1 no such user after all")
