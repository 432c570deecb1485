"""Dataclasses whose methods are not compiled while a program starts.

The standard library writes the methods of each dataclass as text and compiles them: six for a frozen one. That is a
fifth of a start, and few of the classes have objects by then. Here the methods are closures, and only `__init__` is
text, which is compiled when the first object is made. Objects behave as those of the standard library.
"""

import dataclasses
from collections.abc import Callable, Sequence
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any

_OWN = "services"
"""The package with the classes that are meant. Those of libraries stay as they are."""

_OPTIONS = frozenset({"frozen", "slots", "kw_only", "eq", "unsafe_hash"})
_WRITTEN = ("__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__getstate__", "__setstate__")
_standard = dataclasses.dataclass

_Field = dataclasses.Field[Any]
_Values = Callable[[Any], tuple[Any, ...]]


def install() -> None:
    """Let modules that are imported from now on take such classes from `dataclasses.dataclass`."""
    dataclasses.dataclass = _dataclass


def _dataclass(cls: type | None = None, /, **options: bool) -> Any:
    if cls is None:
        return lambda cls: _dataclass(cls, **options)
    return with_closures(cls, **options) if _is_meant(cls, options) else _standard(cls, **options)


def _is_meant(cls: type, options: dict[str, bool]) -> bool:
    """Tell whether these are known options of a class that has none of the methods itself."""
    own = cls.__module__.partition(".")[0] == _OWN
    return own and options.keys() <= _OPTIONS and cls.__dict__.keys().isdisjoint(_WRITTEN)


def with_closures(
    cls: type,
    *,
    frozen: bool = False,
    slots: bool = False,
    kw_only: bool = False,
    eq: bool = True,
    unsafe_hash: bool = False,
) -> type:
    """Return the class as a dataclass. Fields may have all options, but not the type InitVar."""
    cls.__doc__ = cls.__doc__ or cls.__name__  # else the signature is written into it
    made: Any = _standard(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
    fields = dataclasses.fields(made)
    made.__init__ = _first_init(made, fields)
    made.__repr__ = _repr([field.name for field in fields if field.repr])
    if eq:
        made.__eq__ = _equal(_values([field.name for field in fields if field.compare]))
        made.__hash__ = None
    if unsafe_hash or (eq and frozen):
        made.__hash__ = _hash(_values([field.name for field in fields if _is_hashed(field)]))
    if frozen:
        _freeze(made, [field.name for field in fields])
    if frozen and slots:
        _copy(made, [field.name for field in fields])
    return made  # type: ignore[no-any-return]


def _is_hashed(field: _Field) -> bool:
    return field.compare if field.hash is None else field.hash


def _values(names: Sequence[str]) -> _Values:
    """Return a function that returns the values of these attributes."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda one: tuple(getattr(one, name) for name in names)


def _repr(names: Sequence[str]) -> Callable[[Any], str]:
    @recursive_repr()
    def shown(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return shown


def _equal(values: _Values) -> Callable[[Any, object], bool]:
    def equal(self: Any, other: object) -> bool:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return equal


def _hash(values: _Values) -> Callable[[Any], int]:
    return lambda self: hash(values(self))


def _freeze(cls: Any, names: Sequence[str]) -> None:
    """Let no attribute be changed. A class that is derived without being a dataclass may have other attributes."""

    def assign(self: Any, name: str, value: object) -> None:
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def delete(self: Any, name: str) -> None:
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    cls.__setattr__, cls.__delattr__ = assign, delete


def _copy(cls: Any, names: Sequence[str]) -> None:
    """Let pickle and copy fill the slots, although assignments are refused."""
    values = _values(names)

    def kept(self: Any) -> tuple[Any, ...]:
        return values(self)

    def fill(self: Any, state: Sequence[object]) -> None:
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    cls.__getstate__, cls.__setstate__ = kept, fill


def _first_init(cls: Any, fields: Sequence[_Field]) -> Callable[..., None]:
    """Return the `__init__` of the first object, which makes the one of all further objects."""

    def first(self: Any, *values: object, **named: object) -> None:
        cls.__init__ = init = init_of(cls, fields)
        init(self, *values, **named)

    return first


def init_of(cls: Any, fields: Sequence[_Field]) -> Callable[..., None]:
    """Return the compiled `__init__` of a class with these fields."""
    scope: dict[str, Any] = {"__set": object.__setattr__, "__absent": dataclasses.MISSING}
    body = [f" __set(self, {field.name!r}, {_value(field, scope)})" for field in fields if _is_set(field)]
    if hasattr(cls, "__post_init__"):
        body.append(" self.__post_init__()")
    head = f"def __init__({', '.join(_parameters(fields))}):"
    exec("\n".join([head, *body, " return"]), scope)  # noqa: S102 - of names in the source code
    init: Callable[..., None] = scope["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _parameters(fields: Sequence[_Field]) -> list[str]:
    named = [_parameter(field) for field in fields if field.init and field.kw_only]
    return [
        "self",
        *(_parameter(field) for field in fields if field.init and not field.kw_only),
        *(named and ["*"]),
        *named,
    ]


def _parameter(field: _Field) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return f"{field.name}=__absent"
    return field.name if field.default is dataclasses.MISSING else f"{field.name}=__{field.name}"


def _is_set(field: _Field) -> bool:
    return field.init or field.default_factory is not dataclasses.MISSING or field.default is not dataclasses.MISSING


def _value(field: _Field, scope: dict[str, Any]) -> str:
    """Return the text of a field's value, and put what it needs into the scope."""
    default = f"__{field.name}"
    if field.default_factory is not dataclasses.MISSING:
        scope[default] = field.default_factory
        return f"{default}() if {field.name} is __absent else {field.name}" if field.init else f"{default}()"
    scope[default] = field.default
    return field.name if field.init else default
