"""What operators are told of a driver's error."""

from services.worker.sources import errors
from services.worker.sources.said import MAX_CHARACTERS, all_said, said, told


def failed_from(*texts: str) -> errors.SourceFailed:
    """A failure whose causes say this, each from the next."""
    failed: BaseException = errors.unavailable("shop")
    first = failed
    for text in texts:
        failed.__cause__ = failed = OSError(text)
    assert isinstance(first, errors.SourceFailed)
    return first


def test_every_cause_is_told_once_in_one_line() -> None:
    assert all_said(failed_from("it\n broke", "since", "since")) == "it broke: since"
    assert all_said(failed_from()) == ""
    assert told(failed_from("it broke")) == "The source 'shop' cannot be read now. it broke"


def test_what_has_no_words_has_its_name() -> None:
    assert all_said(failed_from("")) == "OSError"


def test_sqlalchemys_own_words_are_left_out() -> None:
    text = "(1045, 'Access denied')\n[SQL: select 1]\n(Background on this error at: https://sqlalche.me/e/20/e3q8)"
    assert all_said(failed_from(text)) == "(1045, 'Access denied')"


def test_it_is_not_endless() -> None:
    assert len(all_said(failed_from("x" * 10_000))) == MAX_CHARACTERS


def test_only_the_sentence_of_a_driver_is_for_a_log() -> None:
    failed = failed_from("line 3: a value of a row")
    assert said(failed) == ""
    failed.__cause__ = errors.DriverError("OperationalError: no such table")
    failed.__cause__.__cause__ = OSError("a value of a row")
    assert said(failed) == "OperationalError: no such table"
