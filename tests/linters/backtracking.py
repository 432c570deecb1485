"""How many steps a regular expression takes: a matcher that goes the way of `re` and counts, whatever the machine.

`re` tries alternatives one after the other and remembers nothing, so that two loops that can share a text cost its
square. The count says so where a clock only hints.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import product
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

Node = tuple[Any, Any]
Groups = dict[int, str]
Ends = Iterator[tuple[int, Groups]]

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


@dataclass
class Matcher:
    """One run of one pattern over one text."""

    flags: int
    text: str
    most: int
    known: dict[tuple[int, str], bool] = field(default_factory=dict)
    steps: int = field(default=0, init=False)

    def run(self, nodes: list[Node], pos: int, *, whole: bool) -> bool:
        """Whether it matches at `pos`; with `whole` to the end of the text."""
        return any(not whole or end == len(self.text) for end, _ in self._all(nodes, 0, pos, {}))

    def _all(self, nodes: list[Node], index: int, pos: int, groups: Groups) -> Ends:
        if index == len(nodes):
            yield pos, groups
            return
        for end, then in self._one(*nodes[index], pos, groups):
            yield from self._all(nodes, index + 1, end, then)

    def _one(self, op: Any, av: Any, pos: int, groups: Groups) -> Ends:
        self._step()
        if op in _SINGLE:
            if pos < len(self.text) and self._is(op, av, self.text[pos]):
                yield pos + 1, groups
        elif op in _LOOPS:
            yield from self._loop(op, av, pos, groups)
        elif op in _PLACES:
            if self._is_place(op, av, pos, groups):
                yield pos, groups
        else:
            yield from self._part(op, av, pos, groups)

    def _part(self, op: Any, av: Any, pos: int, groups: Groups) -> Ends:
        if op is sre.BRANCH:
            for alternative in av[1]:
                yield from self._all(list(alternative), 0, pos, groups)
        elif op is sre.SUBPATTERN:
            for end, then in self._all(list(av[3]), 0, pos, groups):
                yield end, then if av[0] is None else then | {av[0]: self.text[pos:end]}
        elif op is sre.ATOMIC_GROUP:
            yield from list(self._first(self._all(list(av), 0, pos, groups)))
        elif op is sre.GROUPREF_EXISTS:
            yield from self._all(list((av[1] if av[0] in groups else av[2]) or []), 0, pos, groups)
        else:
            raise NotImplementedError(op)

    def _is_place(self, op: Any, av: Any, pos: int, groups: Groups) -> bool:
        if op is sre.AT:
            return self._is_at(av, pos)
        assert av[0] == 1, "it looks behind itself"
        return any(True for _ in self._all(list(av[1]), 0, pos, groups)) is (op is sre.ASSERT)

    def _loop(self, op: Any, av: Any, pos: int, groups: Groups) -> Ends:
        least, most, body = av
        nodes = list(body)
        if op is sre.MIN_REPEAT:
            yield from self._lazily(nodes, least, most, pos, groups)
        elif op is sre.POSSESSIVE_REPEAT:
            yield from list(self._first(self._greedily(nodes, least, most, pos, groups)))
        elif len(nodes) == 1 and nodes[0][0] in _SINGLE:
            yield from self._of_characters(nodes[0], least, most, pos, groups)
        else:
            yield from self._greedily(nodes, least, most, pos, groups)

    def _of_characters(self, node: Node, least: int, most: int, pos: int, groups: Groups) -> Ends:
        end = pos
        while end < len(self.text) and end - pos < most and self._is(*node, self.text[end]):
            self._step()
            end += 1
        for back in range(end, pos + least - 1, -1):
            self._step()
            yield back, groups

    def _greedily(self, nodes: list[Node], least: int, most: int, pos: int, groups: Groups) -> Ends:
        self._step()
        if most > 0:
            for end, then in self._all(nodes, 0, pos, groups):
                if end > pos or least > 0:  # an empty round is the last one
                    yield from self._greedily(nodes, max(least - 1, 0), most - 1, end, then)
        if least == 0:
            yield pos, groups

    def _lazily(self, nodes: list[Node], least: int, most: int, pos: int, groups: Groups) -> Ends:
        self._step()
        if least == 0:
            yield pos, groups
        if most > 0:
            for end, then in self._all(nodes, 0, pos, groups):
                if end > pos or least > 0:
                    yield from self._lazily(nodes, max(least - 1, 0), most - 1, end, then)

    @staticmethod
    def _first(ends: Ends) -> Ends:
        for end in ends:
            yield end
            return

    def _is_at(self, where: Any, pos: int) -> bool:
        if where in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
            return pos == 0
        if where in (sre.AT_END, sre.AT_END_STRING):
            return pos == len(self.text)
        assert where in (sre.AT_BOUNDARY, sre.AT_NON_BOUNDARY)
        word = _CATEGORIES[sre.CATEGORY_WORD]
        before = pos > 0 and word(self.text[pos - 1])
        after = pos < len(self.text) and word(self.text[pos])
        return (before != after) is (where is sre.AT_BOUNDARY)

    def _is(self, op: Any, av: Any, char: str) -> bool:
        key = (id(av) if op is sre.IN else hash((op, av)), char)
        if key not in self.known:
            self.known[key] = self._is_one(op, av, char)
        return self.known[key]

    def _is_one(self, op: Any, av: Any, char: str) -> bool:
        chars = {char, char.lower(), char.upper()} if self.flags & re.IGNORECASE else {char}
        if op is sre.ANY:
            return char != "\n" or bool(self.flags & re.DOTALL)
        if op is sre.IN:
            negated = av[0][0] is sre.NEGATE
            return any(_holds(item, c) for item in av for c in chars) is not negated
        return any(c == chr(av) for c in chars) is (op is sre.LITERAL)

    def _step(self) -> None:
        self.steps += 1
        if self.steps > self.most:
            raise TooManySteps


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


@dataclass(frozen=True)
class Parsed:
    """A pattern, and what is known of its characters."""

    nodes: list[Node]
    flags: int
    known: dict[tuple[int, str], bool] = field(default_factory=dict)

    @classmethod
    def of(cls, pattern: re.Pattern[str]) -> "Parsed":
        return cls(list(parser.parse(pattern.pattern, pattern.flags)), pattern.flags)


class Use(Enum):
    """What is asked of a pattern: to match a whole text, to match its beginning, or to be found wherever it is."""

    WHOLE = "fullmatch"
    START = "match"
    ANYWHERE = "search"


def steps(pattern: Parsed, text: str, use: Use, *, most: int = 10_000_000) -> int:
    """Steps that it takes. Raises TooManySteps."""
    matcher, nodes = Matcher(pattern.flags, text, most, pattern.known), pattern.nodes
    if use is not Use.ANYWHERE:
        matcher.run(nodes, 0, whole=use is Use.WHOLE)
    pos = 0
    while use is Use.ANYWHERE and pos <= len(text):
        end = next((e for e, _ in matcher._all(nodes, 0, pos, {})), pos)
        pos = max(end, pos + 1)
    return matcher.steps


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

    Two sizes are tried: what is bounded (`{0,61}`) may grow like that up to its bound.
    """
    parsed = Parsed.of(pattern)
    for text in {text(12): text for text in texts(parsed)}.values():
        if _looks_so(parsed, text, use) and all(_ratio(parsed, text, size, use) > SUSPICIOUS for size in (16, 200)):
            return text(12)
    return None


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
    probe = Matcher(0, "", 0)
    sorts = {tuple(probe._is(*node, c) for node in singles): c for c in sorted(chars, reverse=True)}
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
        probe = Matcher(0, "", 0)
        candidates = [*_examples(node), "a", "0", " ", "é", "%", "!"]
        return list(dict.fromkeys(c for c in candidates if probe._is(op, av, c)))[:3]
    if op in _LOOPS:
        return [sample * max(av[0], 1) for sample in _samples(list(av[2]))] + ([""] if av[0] == 0 else [])
    if op in (sre.ASSERT, sre.ASSERT_NOT, sre.AT):
        return [""]
    return [sample for part in _parts(node) for sample in _samples(part)][:4] or [""]
