"""Patterns of paths, as pathlib has them, for places that are no file system.

A name of n characters takes n steps times those of the pattern: what lies between two stars is looked for once, from
the left, and then stays where it was found (an atomic group). Where it is found earliest leaves the most for the rest.
"""

import re
from collections.abc import Callable, Iterator, Sequence

_WILD = re.compile(r"[*?\[]")
_NOTHING = re.compile(r"(?!)")
FOLDERS = "**"
"""As a step: any number of folders."""


def fixed(pattern: str) -> str:
    """The folders that every match is in; empty when there is none."""
    *folders, _ = steps(pattern)
    wild = next((place for place, folder in enumerate(folders) if _WILD.search(folder)), len(folders))
    return "/".join(folders[:wild])


def compiled(pattern: str) -> re.Pattern[str]:
    """What the whole path of a file has to match; `**` is any number of folders, and never a file."""
    *folders, name = steps(pattern)
    if name == FOLDERS:
        return _NOTHING
    start = _in_order(_split(folders, FOLDERS), _folder, "(?:[^/]+/)")
    try:
        return re.compile(start + _part(name), re.DOTALL)
    except re.error:  # a range that goes backwards
        return _NOTHING


def step(pattern: str) -> re.Pattern[str]:
    """What one name has to match."""
    try:
        return re.compile(_part(pattern), re.DOTALL)
    except re.error:  # a range that goes backwards
        return _NOTHING


def steps(pattern: str) -> list[str]:
    """Names and patterns of folders, and of the file; of no file, `**`."""
    return [step for step in pattern.split("/") if step not in ("", ".")] or [FOLDERS]


def _folder(pattern: str) -> str:
    return f"{_part(pattern)}/"


def _part(pattern: str) -> str:
    return _in_order(_split([*pieces(pattern)], "*"), _of, "[^/]")


def _in_order(runs: Sequence[Sequence[str]], one: Callable[[str], str], between: str) -> str:
    """Runs with any number of `between` before each but the first, and nothing after the last."""
    first, *others = ("".join(map(one, run)) for run in runs)
    middle = (f"(?>{between}*?{run})" for run in others[:-1])
    last = (f"{between}*{run}" for run in others[-1:])
    return "".join([first, *middle, *last])


def _split(pieces: Sequence[str], at: str) -> list[list[str]]:
    """The runs between those that are `at`, which may be empty; one run where there is none."""
    runs: list[list[str]] = [[]]
    for piece in pieces:
        if piece == at:
            runs.append([])
        else:
            runs[-1].append(piece)
    return runs


def pieces(pattern: str) -> Iterator[str]:
    """Single characters, `*` and sets in brackets; a bracket that nothing closes is a character."""
    place, last = 0, pattern.rfind("]")
    while place < len(pattern):
        end = place + 1
        if pattern[place] == "[":
            inside = place + (2 if pattern[end : end + 1] == "!" else 1) + 1  # what follows, if a `]`, closes nothing
            end = pattern.index("]", inside) + 1 if inside <= last else end
        yield pattern[place:end]
        place = end


def _of(piece: str) -> str:
    if piece == "?":
        return "[^/]"
    if len(piece) == 1:
        return re.escape(piece)
    negated = piece[1] == "!"
    characters = re.sub(r"([\\\[\]^&~|])", r"\\\1", piece[2 if negated else 1 : -1])
    return f"(?!/)[{'^' if negated else ''}{characters}]"
