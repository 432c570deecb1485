"""How many steps a regular expression takes: a matcher that goes the way of `re` and counts, whatever the machine.

`re` tries alternatives one after the other and remembers nothing, so that two loops that can share a text cost its
square. The count says so where a clock only hints.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from itertools import product
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

Node = tuple[Any, Any]
Then = Callable[[int], bool]
"""What is tried from a place on; True: that is a match, and nothing else is tried."""
Part = Callable[[int, Then], bool]
"""A part of a pattern at a place: it hands each of its ends to what comes then, until that is a match."""

_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    sre.CATEGORY_DIGIT: str.isdecimal,
    sre.CATEGORY_SPACE: str.isspace,
    sre.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
}
_NEGATED = {
    sre.CATEGORY_NOT_DIGIT: sre.CATEGORY_DIGIT,
    sre.CATEGORY_NOT_SPACE: sre.CATEGORY_SPACE,
    sre.CATEGORY_NOT_WORD: sre.CATEGORY_WORD,
}
_SINGLE = frozenset({sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN})
_PLACES = frozenset({sre.AT, sre.ASSERT, sre.ASSERT_NOT})
_LOOPS = frozenset({sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT})


class TooManySteps(Exception):
    pass


class Matcher:
    """One pattern, whose parts are functions that call what comes after them: each step costs the same, deep or not."""

    def __init__(self, nodes: Sequence[Node] = (), flags: int = 0) -> None:
        self._flags = flags
        self._text = ""
        self._left = 0
        self._groups: frozenset[int] = frozenset()
        self._start = self._all(nodes)

    def steps(self, text: str, use: "Use", most: int) -> int:
        """Steps over a text. Raises TooManySteps."""
        self._text, self._left = text, most
        self._groups = frozenset()
        if use is Use.ANYWHERE:
            self._search()
        else:
            self._start(0, (lambda end: end == len(text)) if use is Use.WHOLE else lambda _: True)
        return most - self._left

    def _search(self) -> None:
        pos = 0
        while pos <= len(self._text):
            self._groups = frozenset()
            pos = max(pos + 1, self._first_end(self._start, pos) or 0)

    def _first_end(self, part: Part, pos: int) -> int | None:
        ends: list[int] = []
        part(pos, lambda end: ends.append(end) is None)
        return ends[0] if ends else None

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooManySteps

    def _all(self, nodes: Sequence[Node]) -> Part:
        parts = [self._one(*node) for node in nodes]
        if not parts:
            return lambda pos, then: then(pos)
        return reduce(lambda rest, part: _before(part, rest), reversed(parts))

    def _counted(self, part: Part) -> Part:
        def counted(pos: int, then: Then) -> bool:
            self._step()
            return part(pos, then)

        return counted

    def _one(self, op: Any, av: Any) -> Part:
        if op in _SINGLE:
            return self._character(op, av)
        made = self._loop if op in _LOOPS else self._place if op in _PLACES else self._of_parts
        return self._counted(made(op, av))

    def _character(self, op: Any, av: Any) -> Part:
        known = self._known(op, av)

        def character(pos: int, then: Then) -> bool:
            self._step()
            return pos < len(self._text) and known[self._text[pos]] and then(pos + 1)

        return character

    def _of_parts(self, op: Any, av: Any) -> Part:
        if op is sre.BRANCH:
            alternatives = [self._all(alternative) for alternative in av[1]]
            return lambda pos, then: any(alternative(pos, then) for alternative in alternatives)
        if op is sre.SUBPATTERN:
            return self._group(av[0], self._all(av[3]))
        if op is sre.ATOMIC_GROUP:
            return self._atomic(self._all(av))
        if op is sre.GROUPREF_EXISTS:
            there, absent = (self._all(part or []) for part in av[1:])
            return lambda pos, then: there(pos, then) if av[0] in self._groups else absent(pos, then)
        raise NotImplementedError(op)

    def _group(self, number: int | None, inner: Part) -> Part:
        if number is None:
            return inner

        def group(pos: int, then: Then) -> bool:
            def ended(end: int) -> bool:
                before, self._groups = self._groups, self._groups | {number}
                if then(end):
                    return True
                self._groups = before
                return False

            return inner(pos, ended)

        return group

    def _atomic(self, inner: Part) -> Part:
        def atomic(pos: int, then: Then) -> bool:
            before = self._groups
            end = self._first_end(inner, pos)
            if end is not None and then(end):
                return True
            self._groups = before
            return False

        return atomic

    def _place(self, op: Any, av: Any) -> Part:
        if op is sre.AT:
            return lambda pos, then: self._is_at(av, pos) and then(pos)
        assert av[0] == 1, "it looks behind itself"
        inner = self._all(av[1])

        def ahead(pos: int, then: Then) -> bool:
            before = self._groups
            found = inner(pos, lambda _: True)
            self._groups = before
            return found is (op is sre.ASSERT) and then(pos)

        return ahead

    def _loop(self, op: Any, av: Any) -> Part:
        least, most, body = av
        nodes = list(body)
        if op is sre.MIN_REPEAT:
            return self._lazily(self._all(nodes), least, most)
        if op is sre.POSSESSIVE_REPEAT:
            return self._atomic(self._greedily(self._all(nodes), least, most))
        if len(nodes) == 1 and nodes[0][0] in _SINGLE:
            return self._of_characters(nodes[0], least, most)
        return self._greedily(self._all(nodes), least, most)

    def _of_characters(self, node: Node, least: int, most: int) -> Part:
        known = self._known(*node)

        def characters(pos: int, then: Then) -> bool:
            end, last = pos, min(len(self._text), pos + most)
            while end < last and known[self._text[end]]:
                self._step()
                end += 1
            for back in range(end, pos + least - 1, -1):
                self._step()
                if then(back):
                    return True
            return False

        return characters

    def _greedily(self, body: Part, least: int, most: int) -> Part:
        def rounds(least: int, most: int, pos: int, then: Then) -> bool:
            self._step()

            def ended(end: int) -> bool:  # an empty round is the last one
                return (end > pos or least > 0) and rounds(max(least - 1, 0), most - 1, end, then)

            return (most > 0 and body(pos, ended)) or (least == 0 and then(pos))

        return lambda pos, then: rounds(least, most, pos, then)

    def _lazily(self, body: Part, least: int, most: int) -> Part:
        def rounds(least: int, most: int, pos: int, then: Then) -> bool:
            self._step()

            def ended(end: int) -> bool:
                return (end > pos or least > 0) and rounds(max(least - 1, 0), most - 1, end, then)

            return (least == 0 and then(pos)) or (most > 0 and body(pos, ended))

        return lambda pos, then: rounds(least, most, pos, then)

    def _is_at(self, where: Any, pos: int) -> bool:
        if where in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
            return pos == 0
        if where in (sre.AT_END, sre.AT_END_STRING):
            return pos == len(self._text)
        assert where in (sre.AT_BOUNDARY, sre.AT_NON_BOUNDARY)
        word = _CATEGORIES[sre.CATEGORY_WORD]
        before = pos > 0 and word(self._text[pos - 1])
        after = pos < len(self._text) and word(self._text[pos])
        return (before != after) is (where is sre.AT_BOUNDARY)

    def _known(self, op: Any, av: Any) -> "_Known":
        return _Known(lambda char: self.takes(op, av, char))

    def takes(self, op: Any, av: Any, char: str) -> bool:
        """Whether a node of one character is this one."""
        chars = {char, char.lower(), char.upper()} if self._flags & re.IGNORECASE else {char}
        if op is sre.ANY:
            return char != "\n" or bool(self._flags & re.DOTALL)
        if op is sre.IN:
            negated = av[0][0] is sre.NEGATE
            return any(_holds(item, c) for item in av for c in chars) is not negated
        return any(c == chr(av) for c in chars) is (op is sre.LITERAL)


def _before(part: Part, rest: Part) -> Part:
    return lambda pos, then: part(pos, lambda end: rest(end, then))


class _Known(dict[str, bool]):
    """Characters that were looked at once."""

    def __init__(self, takes: Callable[[str], bool]) -> None:
        super().__init__()
        self._takes = takes

    def __missing__(self, char: str) -> bool:
        self[char] = found = self._takes(char)
        return found


def _holds(item: Node, char: str) -> bool:
    op, av = item
    if op is sre.LITERAL:
        return char == chr(av)
    if op is sre.RANGE:
        return av[0] <= ord(char) <= av[1]
    if op is sre.CATEGORY:
        return not _CATEGORIES[_NEGATED[av]](char) if av in _NEGATED else _CATEGORIES[av](char)
    assert op is sre.NEGATE
    return False


class Use(Enum):
    """What is asked of a pattern: to match a whole text, to match its beginning, or to be found wherever it is."""

    WHOLE = "fullmatch"
    START = "match"
    ANYWHERE = "search"


@dataclass(frozen=True)
class Parsed:
    """A pattern, and what goes its way."""

    nodes: list[Node]
    matcher: Matcher

    @classmethod
    def of(cls, pattern: re.Pattern[str]) -> "Parsed":
        nodes = list(parser.parse(pattern.pattern, pattern.flags))
        return cls(nodes, Matcher(nodes, pattern.flags))


def steps(pattern: Parsed, text: str, use: Use, *, most: int = 10_000_000) -> int:
    """Steps that it takes. Raises TooManySteps."""
    return pattern.matcher.steps(text, use, most)


# ---- texts that hurt


def texts(pattern: Parsed) -> Iterator[Callable[[int], str]]:
    """Each makes a text of about n characters: a way into the pattern, something again and again, and a wrong end."""
    letters = _letters(pattern.nodes)
    pumps = [*letters, *_slices(pattern.nodes)]
    pairs = [*map("".join, product(letters, repeat=2))]
    ways = [*product(_ways_in(pattern.nodes), pumps), *(("", pump) for pump in (*pumps, *pairs))]
    for (start, pump), end in product(dict.fromkeys(ways), ("", "\x01", "\n")):
        yield lambda n, s=start, p=pump, e=end: s + p * (n // len(p)) + e  # type: ignore[misc]


SUSPICIOUS = 2.6
"""By how much twice the text multiplies the steps: 2 is linear, 4 is quadratic."""


def superlinear(pattern: re.Pattern[str], use: Use) -> str | None:
    """A text whose steps grow faster than it does, in short; None: none was found.

    Two sizes are tried: what is bounded (`{0,61}`) may grow like that up to its bound. Where nothing is repeated, a
    place of the text costs no more than the pattern is long.
    """
    parsed = Parsed.of(pattern)
    if not any(_repeats(node) for node in _inside(parsed.nodes)):
        return None
    alike = _Alike(parsed)
    for text in {alike.shape(text(12)): text for text in texts(parsed)}.values():
        if _looks_so(parsed, text, use) and all(_ratio(parsed, text, size, use) > SUSPICIOUS for size in (16, 200)):
            return text(12)
    return None


class _Alike:
    """Characters that a pattern does not tell apart: texts that differ by them alone take the same steps."""

    def __init__(self, pattern: Parsed) -> None:
        self._singles = [node for node in _inside(pattern.nodes) if node[0] in _SINGLE]
        self._takes = pattern.matcher.takes
        self._first: dict[tuple[bool, ...], str] = {}
        self._known: dict[int, str] = {}

    def shape(self, text: str) -> str:
        """The text of the first character of each sort that was seen."""
        for char in {*text} - {chr(known) for known in self._known}:
            sort = (_CATEGORIES[sre.CATEGORY_WORD](char), *(self._takes(*node, char) for node in self._singles))
            self._known[ord(char)] = self._first.setdefault(sort, char)
        return text.translate(self._known)


def _looks_so(pattern: Parsed, text: Callable[[int], str], use: Use) -> bool:
    """Most do not, and are soon told."""
    try:
        return steps(pattern, text(36), use, most=20_000) > 3 * steps(pattern, text(12), use, most=20_000)
    except TooManySteps:
        return True


def _ratio(pattern: Parsed, text: Callable[[int], str], size: int, use: Use) -> float:
    """From one text to the next twice as long; what the beginning and the end cost is taken off."""
    try:
        none, one, two = (steps(pattern, text(n), use, most=200_000) for n in (0, size, 2 * size))
    except TooManySteps:
        return float("inf")
    return (two - none) / max(one - none, 1)


def _inside(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        for part in _parts(node):
            yield from _inside(part)


def _repeats(node: Node) -> bool:
    op, av = node
    return op in _LOOPS and av[1] > 1


def _parts(node: Node) -> list[list[Node]]:
    op, av = node
    if op in _LOOPS:
        return [list(av[2])]
    if op is sre.BRANCH:
        return [list(alternative) for alternative in av[1]]
    if op is sre.SUBPATTERN:
        return [list(av[3])]
    if op is sre.ATOMIC_GROUP:
        return [list(av)]
    if op in (sre.ASSERT, sre.ASSERT_NOT):
        return [list(av[1])]
    if op is sre.GROUPREF_EXISTS:
        return [list(part) for part in av[1:] if part]
    return []


def _letters(nodes: list[Node]) -> list[str]:
    """One of each sort of character that the pattern tells apart."""
    singles = [node for node in _inside(nodes) if node[0] in _SINGLE]
    chars = {c for node in singles for c in _examples(node)} | {"a", "0", " ", "é", ".", "\n"}
    probe = Matcher()
    sorts = {tuple(probe.takes(*node, c) for node in singles): c for c in sorted(chars, reverse=True)}
    return sorted(sorts.values())


def _examples(node: Node) -> Iterator[str]:
    op, av = node
    if op in (sre.LITERAL, sre.NOT_LITERAL):
        yield chr(av)
    for item, value in av if op is sre.IN else ():
        if item is sre.LITERAL:
            yield chr(value)
        elif item is sre.RANGE:
            yield from map(chr, value)
        elif item is sre.CATEGORY:
            yield from "0a_ "


def _ways_in(nodes: list[Node]) -> list[str]:
    """Short texts that lead to each part of the pattern."""
    ways, so_far = [], [""]
    for node in nodes:
        for part in _parts(node):
            ways += [start + way for start in so_far[:2] for way in _ways_in(part)[:6]]
        so_far = [start + sample for start in so_far[:2] for sample in _samples([node])[:2]]
        ways += so_far
    return list(dict.fromkeys(ways))[:12]


def _slices(nodes: list[Node]) -> Iterator[str]:
    """Texts of one part of the pattern or of two neighbours, here and in its parts; a word of letters is one part."""
    units: list[list[Node]] = []
    for node in nodes:
        if node[0] is sre.LITERAL and units and units[-1][-1][0] is sre.LITERAL:
            units[-1].append(node)
        else:
            units.append([node])
        for part in _parts(node):
            yield from _slices(part)
    for place, unit in enumerate(units):
        yield from filter(None, _samples(unit)[:3])
        if place:
            yield from filter(None, _samples([*units[place - 1], *unit])[:4])


def _samples(nodes: list[Node]) -> list[str]:
    """Short texts that match."""
    found = [""]
    for node in nodes:
        found = [start + one for start in found for one in _samples_of(node)][:4]
    return found


def _samples_of(node: Node) -> list[str]:
    op, av = node
    if op in _SINGLE:
        probe = Matcher()
        candidates = [*_examples(node), "a", "0", " ", "é", "%", "!"]
        return list(dict.fromkeys(c for c in candidates if probe.takes(op, av, c)))[:3]
    if op in _LOOPS:
        return [sample * max(av[0], 1) for sample in _samples(list(av[2]))] + ([""] if av[0] == 0 else [])
    if op in (sre.ASSERT, sre.ASSERT_NOT, sre.AT):
        return [""]
    return [sample for part in _parts(node) for sample in _samples(part)][:4] or [""]
