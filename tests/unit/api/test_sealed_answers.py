import pytest

from services.api.secrets.answers import Answers, AnswerUnreadable
from services.api.secrets.server_keys import ServerKeys

ANSWERS = Answers(ServerKeys.of(b"k" * 32))
SEALED = ANSWERS.sealed(b"rows of somebody" * 100, "question")


def test_an_answer_is_opened_with_its_key_for_its_question() -> None:
    assert ANSWERS.opened(SEALED, "question") == b"rows of somebody" * 100
    assert b"somebody" not in SEALED
    assert ANSWERS.sealed(b"x", "question") != ANSWERS.sealed(b"x", "question")


@pytest.mark.parametrize(
    ("answers", "sealed", "question"),
    [
        (Answers(ServerKeys.of(b"o" * 32)), SEALED, "question"),
        (ANSWERS, SEALED, "another"),
        (ANSWERS, SEALED[:-1] + bytes([SEALED[-1] ^ 1]), "question"),
        (ANSWERS, SEALED[:5], "question"),
        (ANSWERS, b"", "question"),
    ],
    ids=["another key", "another question", "a bit changed", "cut off", "nothing"],
)
def test_any_other_is_refused(answers: Answers, sealed: bytes, question: str) -> None:
    with pytest.raises(AnswerUnreadable):
        answers.opened(sealed, question)
