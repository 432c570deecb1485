"""Dataclasses whose methods are closures behave as those of the standard library."""

import copy
import dataclasses
import inspect
import json
import os
import pickle
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, InitVar, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from services.runtime.interpreter import dataclass_methods

Decorator = Callable[..., Any]
T = TypeVar("T")


class Shouting:
    """A base that is no dataclass and changes what is assigned."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, f"{value}!")


class Shown(ABC):
    @abstractmethod
    def __repr__(self) -> str: ...


def _family(decorate: Decorator) -> dict[str, Any]:
    """Return classes with all that fields can have."""

    @decorate(frozen=True, slots=True)
    class Plain:
        """A class with a docstring."""

        a: int
        b: str = "b"
        c: list[int] = field(default_factory=list)
        kind: ClassVar[str] = "plain"

    @decorate(frozen=True, slots=True)
    class Derived(Plain):
        d: int = field(default=4, kw_only=True)

    @decorate(frozen=True, slots=True, kw_only=True)
    class Named:
        first: int
        second: int = 2

    @decorate(frozen=True)
    class Open:
        a: int
        made: str = field(init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "made", f"from {self.a}")

    @decorate(frozen=True, slots=True)
    class Quiet:
        secret: str = field(repr=False)
        seen: int = field(default=0, compare=False)
        unhashed: list[int] = field(default_factory=list, hash=False)
        fixed: int = field(default=7, init=False)
        made: list[int] = field(default_factory=list, init=False, compare=False)

    @decorate(frozen=True, slots=True)
    class Empty:
        pass

    @decorate(frozen=True, slots=True, eq=False)
    class Alone:
        a: object = None

    @decorate
    class Changeable:
        a: int
        b: str = "b"

    @decorate(slots=True)
    class Slotted:
        a: list[int] = field(default_factory=list)

    @decorate(unsafe_hash=True)
    class Problem(Exception):
        why: str
        where: int = 0

    @decorate(unsafe_hash=True)
    class Narrower(Problem):
        hint: str = ""

    @decorate(slots=True)
    class Words:
        """Names that the text of `__init__` could use itself."""

        self: int
        set: int = 1
        absent: list[int] = field(default_factory=list)
        cls: int = 2

    @decorate(frozen=True, slots=True)
    class Started:
        a: int
        seed: InitVar[int]
        more: InitVar[str] = "more"
        b: int = field(init=False)

        def __post_init__(self, seed: int, more: str) -> None:
            object.__setattr__(self, "b", f"{seed}{more}")

    @decorate
    class Loud(Shouting):
        a: int = 1

    @decorate
    class Fixed:
        a: int = field(default=3, init=False)

    @decorate(frozen=True)
    class Filled(Shown):
        a: int = 1

    @decorate(frozen=True)
    class Box(Generic[T]):
        a: T

    @decorate(frozen=True, slots=True)
    class Marked:
        a: int
        _: KW_ONLY
        b: int = 2
        c: int

    @decorate(frozen=True)
    class Wider(Derived):
        """Without slots, below one with slots."""

        e: int = 5

    classes = (Plain, Derived, Named, Open, Quiet, Empty, Alone, Changeable, Slotted, Problem, Narrower)
    classes += (Words, Started, Loud, Fixed, Filled, Box, Marked, Wider)
    return {made.__name__: made for made in classes}


def _ours(cls: type | None = None, **options: Any) -> Any:
    if cls is None:
        return partial(_ours, **options)
    closures = dataclass_methods.is_possible(cls, options)
    return dataclass_methods.with_closures(cls, **options) if closures else dataclasses.dataclass(cls, **options)


OURS, THEIRS = (
    _family(_ours),
    _family(dataclasses.dataclass),
)
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Plain", (1,), {}),
    ("Plain", (1, "x"), {"c": [3]}),
    ("Plain", (), {}),
    ("Plain", (1, 2, 3, 4), {}),
    ("Plain", (1,), {"unknown": 1}),
    ("Plain", (1,), {"kind": "x"}),
    ("Derived", (1,), {}),
    ("Derived", (1, "x", []), {"d": 5}),
    ("Derived", (1, "x", [], 5), {}),
    ("Named", (), {"first": 1}),
    ("Named", (1,), {}),
    ("Named", (), {}),
    ("Open", (1,), {}),
    ("Open", (1,), {"made": "x"}),
    ("Quiet", ("s",), {"seen": 1}),
    ("Quiet", ("s",), {"unhashed": [1]}),
    ("Quiet", ("s",), {"fixed": 8}),
    ("Empty", (), {}),
    ("Empty", (1,), {}),
    ("Changeable", (1,), {}),
    ("Changeable", (1,), {"b": "x"}),
    ("Slotted", (), {}),
    ("Slotted", ([1],), {}),
    ("Problem", ("why",), {}),
    ("Problem", (), {}),
    ("Problem", ("why",), {"where": 1}),
    ("Narrower", ("why", 1, "hint"), {}),
    ("Narrower", ("why",), {"hint": "x"}),
    ("Words", (1,), {}),
    ("Words", (1, 2, [3]), {"cls": 4}),
    ("Words", (), {}),
    ("Words", (), {"self": 1}),
    ("Started", (1, 2), {}),
    ("Started", (1,), {"seed": 2, "more": "x"}),
    ("Started", (1,), {}),
    ("Loud", (), {}),
    ("Loud", (2,), {}),
    ("Fixed", (), {}),
    ("Fixed", (1,), {}),
    ("Filled", (), {}),
    ("Box", ("x",), {}),
    ("Marked", (1,), {"c": 3}),
    ("Marked", (1, 2), {"c": 3}),
    ("Wider", (1,), {"e": 6}),
    ("Wider", (1, "x", [], 5), {}),
]


def _told(act: Callable[[], object]) -> object:
    try:
        return act()
    except (TypeError, AttributeError, ValueError) as refused:
        return type(refused), str(refused)


def _seen(cls: Any, values: tuple[Any, ...], named: dict[str, Any]) -> dict[str, object]:
    """Return all that one can see of an object that is made so."""
    made: Any = _told(lambda: cls(*values, **named))
    if isinstance(made, tuple):
        return {"refused": made}
    other = cls(*values, **named)
    return {
        "repr": repr(made),
        "values": dataclasses.asdict(made),
        "equal": (made == other, made != other, made == object(), made.__eq__(object())),
        "hash": _told(lambda: hash(made)),
        "copied": _told(lambda: (repr(copy.copy(made)), repr(copy.deepcopy(made)))),
        "replaced": _told(lambda: repr(dataclasses.replace(made, **named))),
        "dict": sorted(vars(made)) if hasattr(made, "__dict__") else None,
        "assigned": [_told(lambda name=one.name: setattr(made, name, 1)) for one in dataclasses.fields(made)],  # type: ignore[misc]
        "deleted": [_told(lambda name=one.name: delattr(made, name)) for one in dataclasses.fields(made)],  # type: ignore[misc]
    }


@pytest.mark.parametrize("call", range(len(CALLS)))
def test_an_object_is_made_and_behaves_as_one_of_the_standard_library(call: int) -> None:
    name, values, named = CALLS[call]
    assert _seen(OURS[name], values, named) == _seen(THEIRS[name], values, named)
    assert _seen(OURS[name], values, named) == _seen(THEIRS[name], values, named), "the second object"


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_class_has_the_fields_of_the_standard_library(name: str) -> None:
    ours, theirs = OURS[name], THEIRS[name]
    assert [str(one) for one in dataclasses.fields(ours)] == [str(one) for one in dataclasses.fields(theirs)]
    assert ours.__match_args__ == theirs.__match_args__
    assert getattr(ours, "__slots__", None) == getattr(theirs, "__slots__", None)
    assert repr(ours.__dataclass_params__) == repr(theirs.__dataclass_params__)
    assert ours.__hash__ is None if theirs.__hash__ is None else callable(ours.__hash__)


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_class_has_the_signature_of_the_standard_library_before_and_after_its_first_object(name: str) -> None:
    fresh = _family(_ours)[name]
    expected = str(inspect.signature(THEIRS[name]))
    assert str(inspect.signature(fresh)) == expected
    assert str(inspect.signature(OURS[name])) == expected


def test_a_dataclass_of_the_standard_library_may_be_derived_if_it_is_frozen_too() -> None:
    def derived(**options: bool) -> Any:
        return dataclasses.dataclass(**options)(
            type("Derived", (OURS["Plain"],), {"__annotations__": {"d": int}, "d": 4})
        )

    assert repr(derived(frozen=True, slots=True)(1)) == "Derived(a=1, b='b', c=[], d=4)"
    with pytest.raises(TypeError, match="cannot inherit non-frozen"):
        derived()


def test_an_abstract_method_that_is_made_is_abstract_no_more() -> None:
    assert OURS["Filled"].__abstractmethods__ == frozenset()


def test_objects_of_a_class_without_equality_are_equal_to_themselves_only() -> None:
    one = OURS["Alone"](1)
    assert one == one  # noqa: PLR0124 - the point
    assert one != OURS["Alone"](1)
    assert len({one, OURS["Alone"](1)}) == 2


def test_an_object_that_holds_itself_is_shown() -> None:
    one = OURS["Alone"]()
    object.__setattr__(one, "a", one)
    assert repr(one).endswith(".Alone(a=...)")


def test_a_class_that_is_derived_without_the_decorator_may_have_more_attributes() -> None:
    more: Any = type("More", (OURS["Open"],), {})(1)
    more.note = "x"
    assert more.note == "x"
    with pytest.raises(dataclasses.FrozenInstanceError):
        more.a = 2
    del more.note


def test_every_class_of_the_services_is_what_the_standard_library_makes() -> None:
    told = [_told_by_process(install) for install in ("yes", "no")]
    ours, theirs = (one["classes"] for one in told)
    assert told[0]["made"] > 200
    assert told[1]["made"] == 0
    assert len(ours) > 350
    assert ours.keys() == theirs.keys()
    assert [(name, ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]] == []


def _told_by_process(install: str) -> Any:
    program = Path(__file__).with_name("told_dataclasses.py")
    command = [sys.executable, str(program), install]
    sets_in_order = os.environ | {"PYTHONHASHSEED": "0"}
    return json.loads(subprocess.run(command, capture_output=True, check=True, env=sets_in_order).stdout)


def test_orders_of_a_process_are_read_by_one_with_the_other_kind_of_classes() -> None:
    code = (
        "import sys, pickle; from services.runtime.interpreter import dataclass_methods; {install}"
        "from services.contract.spec import Relation, OrderTerm; "
    )
    write = "sys.stdout.buffer.write(pickle.dumps((Relation(path='x'), OrderTerm('a'))))"
    read = "print(pickle.load(sys.stdin.buffer) == (Relation(path='x'), OrderTerm('a')))"
    for first, second in (("dataclass_methods.install(); ", ""), ("", "dataclass_methods.install(); ")):
        told = _python(code.format(install=first) + write, b"")
        assert _python(code.format(install=second) + read, told).split() == [b"True"]


def _python(code: str, said: bytes) -> bytes:
    return subprocess.run([sys.executable, "-c", code], input=said, capture_output=True, check=True).stdout


def test_an_object_outlives_pickle() -> None:
    code = (
        "import pickle; from services.runtime.interpreter import dataclass_methods; dataclass_methods.install(); "
        "from services.contract.spec import Relation; one = Relation(path='x'); "
        "print(pickle.loads(pickle.dumps(one)) == one)"
    )
    assert _python(code, b"").split() == [b"True"]
    assert pickle.DEFAULT_PROTOCOL >= 4


def test_a_start_compiles_few_methods_of_dataclasses() -> None:
    code = (
        "import dataclasses; from services.runtime.interpreter import dataclass_methods; dataclass_methods.install(); "
        "made, create = [], dataclasses._process_class\n"
        "def process(cls, init, *more, **named):\n"
        "    made.append((cls.__module__, init)); return create(cls, init, *more, **named)\n"
        "dataclasses._process_class = process\n"
        "import services.api.app, services.worker.app\n"
        "ours = [compiled for module, compiled in made if module.startswith('services.')]\n"
        "print(sum(ours), len(ours) - sum(ours))"
    )
    compiled, spared = map(int, _python(code, b"").split())
    assert compiled <= 40, "methods are compiled for classes that are not frozen, or have methods of their own"
    assert spared >= 200
