"""Things that are made of a thing once."""

from services.contract.identity import MadeOnce


def test_the_very_same_thing_is_asked_for_once_and_an_equal_one_again() -> None:
    made: list[list[int]] = []

    def make(thing: list[int]) -> list[int]:
        made.append(thing)
        return [*thing]

    once = MadeOnce(make, most=10)
    one, equal = [1], [1]
    assert once(one) is once(one)
    assert once(equal) is not once(one)
    assert len(made) == 2
    assert made[0] is one
    assert made[1] is equal


def test_no_other_thing_is_taken_for_one_that_has_gone() -> None:
    once = MadeOnce(lambda thing: thing[0], most=3)
    for number in range(1000):
        assert once([number]) == number


def test_it_keeps_no_more_than_it_may() -> None:
    asked: list[str] = []

    def make(thing: str) -> str:
        asked.append(thing)
        return thing

    once = MadeOnce(make, most=2)
    things = ["a", "b", "c"]
    for thing in things:
        once(thing)
    assert asked == things
    once("c")
    assert asked == things
    once("a")
    assert asked == [*things, "a"]
