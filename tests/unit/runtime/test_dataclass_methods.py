"""Dataclasses whose methods are closures behave as those of the standard library."""

import copy
import dataclasses
import inspect
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import field
from functools import partial
from typing import Any, ClassVar

import pytest

from services.runtime.interpreter import dataclass_methods

Decorator = Callable[..., Any]


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

    classes = (Plain, Derived, Named, Open, Quiet, Empty, Alone, Changeable, Slotted, Problem, Narrower)
    return {made.__name__: made for made in classes}


def _ours(cls: type | None = None, **options: Any) -> Any:
    return dataclass_methods.with_closures(cls, **options) if cls else partial(_ours, **options)


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
]


def _told(act: Callable[[], object]) -> object:
    try:
        return act()
    except (TypeError, AttributeError) as refused:
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
        "copied": (copy.copy(made) == made, copy.deepcopy(made) == made),
        "replaced": _told(lambda: repr(dataclasses.replace(made, **named))),
        "dict": hasattr(made, "__dict__"),
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


EVERY = """
import dataclasses, inspect, json, pickle, pkgutil, sys
from services.runtime.interpreter import dataclass_methods
dataclass_methods.install()
import services
found = [found.name for found in pkgutil.walk_packages(services.__path__, "services.")]
names = [name for name in found if "migrations" not in name and not name.endswith("__main__")]
for name in names: __import__(name)
def ours(cls, module):
    return dataclasses.is_dataclass(cls) and cls.__module__ == module and "shown" in str(cls.__repr__)
seen = [c for n in names for c in vars(sys.modules[n]).values() if isinstance(c, type) and ours(c, n)]
def told(cls):
    made = dataclass_methods.init_of(cls, dataclasses.fields(cls))
    return [[p.name, int(p.kind), p.default is p.empty] for p in inspect.signature(made).parameters.values()]
print(json.dumps({f"{c.__module__}:{c.__qualname__}": told(c) for c in seen}))
"""


def test_every_class_of_the_services_can_be_made_as_its_declaration_says() -> None:
    done = subprocess.run([sys.executable, "-c", EVERY], capture_output=True, text=True, check=True)
    said: dict[str, list[object]] = json.loads(done.stdout)
    assert len(said) > 200
    for name, parameters in said.items():
        module, _, cls = name.partition(":")
        standard = inspect.signature(getattr(__import__(module, fromlist=[cls]), cls).__init__)
        assert parameters == [
            [one.name, int(one.kind), one.default is one.empty] for one in standard.parameters.values()
        ], name


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
