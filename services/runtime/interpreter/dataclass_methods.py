"""Dataclasses whose methods are not compiled while a program starts.

The standard library writes the methods of each dataclass as text and compiles them: six for a frozen one. That is a
fifth of a start, and few of the classes have objects by then. Here the methods are closures, and only `__init__` is
text, which is compiled when the first object is made. Objects and classes behave as those of the standard library, but
for two things: a class without a docstring has only its name as `__doc__`, and a frozen class with slots refuses a name
that is no field with FrozenInstanceError, where Python 3.11 fails with a TypeError.
"""

import abc
import dataclasses
from collections.abc import Callable, Sequence
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any
from weakref import WeakKeyDictionary

_OWN = "services"
"""The package with the classes that are meant. Those of libraries stay as they are."""

_OPTIONS = frozenset({"frozen", "slots", "kw_only", "eq", "unsafe_hash"})
_WRITTEN = ("__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__getstate__", "__setstate__")
_FIELDS, _PARAMS = "__dataclass_fields__", "__dataclass_params__"
_SELF, _SET, _ABSENT = "__dataclass_self__", "__dataclass_set__", "__dataclass_absent__"
"""Names that no field has."""

_standard = dataclasses.dataclass
_NAMES: WeakKeyDictionary[type, tuple[str, ...]] = WeakKeyDictionary()
"""The fields of classes of which an object was pickled or copied."""

_Field = dataclasses.Field[Any]
_Values = Callable[[Any], tuple[Any, ...]]


def install() -> None:
    """Let modules that are imported from now on take such classes from `dataclasses.dataclass`."""
    dataclasses.dataclass = _dataclass


def _dataclass(cls: type | None = None, /, **options: bool) -> Any:
    if cls is None:
        return lambda cls: _dataclass(cls, **options)
    own = cls.__module__.partition(".")[0] == _OWN
    return with_closures(cls, **options) if own and is_possible(cls, options) else _standard(cls, **options)


def is_possible(cls: type, options: dict[str, bool]) -> bool:
    """Tell whether `with_closures` can make this class.

    It knows some options only, and neither classes that have one of the methods themselves nor those derived from
    another dataclass: the standard library compares options of both, and needs all options for that.
    """
    return (
        options.keys() <= _OPTIONS
        and cls.__dict__.keys().isdisjoint(_WRITTEN)
        and not any(_FIELDS in vars(base) for base in cls.__mro__[1:])
    )


def with_closures(
    cls: type,
    *,
    frozen: bool = False,
    slots: bool = False,
    kw_only: bool = False,
    eq: bool = True,
    unsafe_hash: bool = False,
) -> type:
    """Return the class, for which closures are possible, as a dataclass."""
    cls.__doc__ = cls.__doc__ or cls.__name__  # else the signature is written into it
    made: Any = _standard(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
    params: Any = getattr(made, _PARAMS)  # what derived dataclasses look at
    params.init = params.repr = True
    params.eq, params.frozen, params.unsafe_hash = eq, frozen, unsafe_hash
    fields = dataclasses.fields(made)
    made.__init__ = _first_init(made)
    made.__signature__ = _SIGNATURE
    made.__repr__ = _repr([field.name for field in fields if field.repr])
    if eq:
        made.__eq__ = _equal(_values([field.name for field in fields if field.compare]))
        made.__hash__ = None
    if unsafe_hash or (eq and frozen):
        made.__hash__ = _hash(_values([field.name for field in fields if _is_hashed(field)]))
    if frozen:
        _freeze(made, [field.name for field in fields])
    if frozen and slots:
        made.__getstate__, made.__setstate__ = _kept, _fill
    abc.update_abstractmethods(made)
    return made  # type: ignore[no-any-return]


# ---- the methods


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
        return f"{self.__class__.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

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


def _kept(self: Any) -> list[Any]:
    """Return what pickle and copy keep. The fields are those of the object's class, which may be a derived one."""
    return [getattr(self, name) for name in _names(self)]


def _fill(self: Any, state: Sequence[object]) -> None:
    """Fill the slots, although assignments are refused."""
    for name, value in zip(_names(self), state, strict=False):
        object.__setattr__(self, name, value)


def _names(one: Any) -> tuple[str, ...]:
    cls = type(one)
    names = _NAMES.get(cls)
    if names is None:
        _NAMES[cls] = names = tuple(field.name for field in dataclasses.fields(cls))
    return names


# ---- __init__


class _Signature:
    """The signature of a class, for those who ask: until the first object, `__init__` itself does not have it."""

    def __get__(self, one: object, owner: Any) -> object:
        if one is not None:
            raise AttributeError("__signature__")
        import inspect  # noqa: PLC0415 - a start does not need it

        init = owner.__init__
        whole = inspect.signature(init.compiled() if hasattr(init, "compiled") else init)
        return whole.replace(parameters=[*whole.parameters.values()][1:])


_SIGNATURE = _Signature()


def _first_init(cls: Any) -> Callable[..., None]:
    """Return the `__init__` of the first object, which makes the one of all further objects."""

    def compiled() -> Callable[..., None]:
        cls.__init__ = init = init_of(cls)
        return init

    def first(self: Any, /, *values: object, **named: object) -> None:
        compiled()(self, *values, **named)

    first.compiled = compiled  # type: ignore[attr-defined]
    return first


def init_of(cls: Any) -> Callable[..., None]:
    """Return the compiled `__init__` of a dataclass."""
    parts = [part for part in getattr(cls, _FIELDS).values() if _kind(part) != "_FIELD_CLASSVAR"]
    own = "self" if all(part.name != "self" for part in parts) else _SELF
    absent = dataclasses._HAS_DEFAULT_FACTORY  # type: ignore[attr-defined]  # noqa: SLF001 - signatures show it
    scope: dict[str, Any] = {_SET: object.__setattr__, _ABSENT: absent}
    assign = f" {_SET}({own}, {{0!r}}, {{1}})" if getattr(cls, _PARAMS).frozen else f" {own}.{{0}} = {{1}}"
    has_slots = "__slots__" in vars(cls)
    body = [assign.format(part.name, _value(part, scope)) for part in parts if _is_set(part, has_slots=has_slots)]
    if hasattr(cls, "__post_init__"):
        given = ", ".join(part.name for part in parts if _kind(part) == "_FIELD_INITVAR")
        body.append(f" {own}.__post_init__({given})")
    exec("\n".join([f"def __init__({', '.join(_parameters(own, parts, scope))}):", *body, " return"]), scope)  # noqa: S102 - of names in the source code
    init: Callable[..., None] = scope["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {part.name: part.type for part in parts if part.init} | {"return": None}
    return init


def _kind(part: _Field) -> str:
    """Return what a part of a class is: a field, a class variable, or an InitVar, which is only a parameter."""
    return str(part._field_type.name)  # type: ignore[attr-defined]  # noqa: SLF001 - nothing public says it


def _parameters(own: str, parts: Sequence[_Field], scope: dict[str, Any]) -> list[str]:
    named = [_parameter(part, scope) for part in parts if part.init and part.kw_only]
    return [
        own,
        *(_parameter(part, scope) for part in parts if part.init and not part.kw_only),
        *(named and ["*"]),
        *named,
    ]


def _parameter(part: _Field, scope: dict[str, Any]) -> str:
    if part.default_factory is not dataclasses.MISSING:
        return f"{part.name}={_ABSENT}"
    if part.default is dataclasses.MISSING:
        return part.name
    scope[_default(part)] = part.default
    return f"{part.name}={_default(part)}"


def _is_set(part: _Field, *, has_slots: bool) -> bool:
    """Tell whether `__init__` sets the field. Without slots the class has the default of one that is no parameter."""
    if _kind(part) == "_FIELD_INITVAR":
        return False
    has_default = has_slots and part.default is not dataclasses.MISSING
    return part.init or has_default or part.default_factory is not dataclasses.MISSING


def _value(part: _Field, scope: dict[str, Any]) -> str:
    """Return the text of a field's value, and put what it needs into the scope."""
    default = _default(part)
    if part.default_factory is not dataclasses.MISSING:
        scope[default] = part.default_factory
        return f"{default}() if {part.name} is {_ABSENT} else {part.name}" if part.init else f"{default}()"
    scope[default] = part.default
    return part.name if part.init else default


def _default(part: _Field) -> str:
    return f"__dataclass_default_{part.name}__"
