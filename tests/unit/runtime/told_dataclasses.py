"""Tells of every dataclass of the services what one can see of it: `told_dataclasses.py yes` takes those with closures.

A process of its own, because the classes are made when their modules are imported.
"""

import copy
import dataclasses
import importlib
import inspect
import json
import pickle
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from services.runtime.interpreter import dataclass_methods

METHODS = ("__eq__", "__hash__", "__repr__", "__init__", "__setattr__", "__getstate__", "__setstate__", "__lt__")


def classes() -> Iterator[type]:
    import services  # noqa: PLC0415 - after the decorator was replaced

    for found in pkgutil.walk_packages(services.__path__, "services."):
        if "migrations" not in found.name and not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            for cls in vars(module).values():
                if isinstance(cls, type) and dataclasses.is_dataclass(cls) and cls.__module__ == found.name:
                    yield cls


def told(act: Callable[[], object]) -> str:
    """Return what comes of it, without addresses."""
    try:
        what = repr(act())
    except Exception as raised:  # noqa: BLE001 - what a class refuses is what is told
        what = f"{type(raised).__name__}: {raised}"
    return re.sub(r"0x[0-9a-f]+", "0x", what)


def of_class(cls: Any) -> dict[str, object]:
    fields = dataclasses.fields(cls)
    needed = {f.name: f"a {f.name}" for f in fields if f.init and _is_needed(f)}
    return {
        "signature": told(lambda: inspect.signature(cls)),
        "fields": [told(lambda f=f: f) for f in fields],  # type: ignore[misc]
        "params": told(lambda: cls.__dataclass_params__),
        "match_args": told(lambda: cls.__match_args__),
        "slots": told(lambda: cls.__dict__.get("__slots__")),
        "doc": "" if str(cls.__doc__).startswith(cls.__name__) else cls.__doc__,  # written if there is none
        "own": [name for name in METHODS if callable(cls.__dict__.get(name))],
        "not hashed": cls.__hash__ is None,
        "abstract": told(lambda: sorted(getattr(cls, "__abstractmethods__", ()))),
        "nothing": told(cls),
        "too much": told(lambda: cls(*range(100))),
        "unknown": told(lambda: cls(**needed, no_such_field=1)),
        "missing": [told(lambda n=name: cls(**{k: v for k, v in needed.items() if k != n})) for name in needed],  # type: ignore[misc]
        "object": of_object(cls, needed),
    }


def _is_needed(f: Any) -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def of_object(cls: Any, needed: dict[str, str]) -> object:
    try:
        one, same, other = cls(**needed), cls(**needed), cls(**{name: f"{value}s" for name, value in needed.items()})
    except Exception as refused:  # noqa: BLE001 - `__post_init__` may want other values
        return f"{type(refused).__name__}: {refused}"
    names = [f.name for f in dataclasses.fields(cls)]
    return {
        "shown": told(lambda: one),
        "equal": told(lambda: (one == same, one != same, one == other, one == 1, one.__eq__(1))),
        "hash": told(lambda: hash(one) == hash(same)),
        "dict": told(lambda: sorted(vars(one))),
        "replaced": told(lambda: dataclasses.replace(one, **needed)),
        "copied": told(lambda: (copy.copy(one), copy.deepcopy(one))),
        "pickled": told(lambda: pickle.loads(pickle.dumps(one))),  # noqa: S301 - its own
        "assigned": [told(lambda n=name: setattr(same, n, getattr(same, n))) for name in names],  # type: ignore[misc]
        "deleted": [told(lambda n=name: delattr(same, n)) for name in names],  # type: ignore[misc]
    }


if __name__ == "__main__":
    if sys.argv[1] == "yes":
        dataclass_methods.install()
    else:
        dataclass_methods.install = lambda: None  # some modules do it when they are imported
    found = [*classes()]
    made = sum("compiled" in vars(cls.__dict__.get("__init__", object)) for cls in found if "__init__" in vars(cls))
    said = {"made": made, "classes": {f"{cls.__module__}:{cls.__qualname__}": of_class(cls) for cls in found}}
    sys.stdout.write(json.dumps(said))
