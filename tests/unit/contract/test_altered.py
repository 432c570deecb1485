"""A copy is what dataclasses.replace makes."""

from dataclasses import dataclass, replace

import pytest

from services.contract.altered import altered


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Larger(Thing):
    colour: str = "red"


@dataclass(frozen=True, slots=True)
class Checked:
    name: str

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError


@pytest.mark.parametrize("thing", [Thing("a", (1,)), Larger("a", (1,), "blue")])
def test_a_copy_is_that_of_dataclasses(thing: Thing) -> None:
    assert altered(thing) == thing
    assert altered(thing) is not thing
    assert altered(thing, name="b") == replace(thing, name="b")
    assert thing.name == "a"


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(AttributeError):
        altered(Thing("a"), colour="red")


def test_no_check_is_passed_by() -> None:
    with pytest.raises(TypeError):
        altered(Checked("a"), name="")
