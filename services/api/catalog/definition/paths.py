"""Finds collections whose paths match the same request.

It uses a tree of segments, since catalogs may have thousands.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from services.api.catalog.model import Collection, Segment


@dataclass(slots=True)
class _Node:
    """The segments that may follow on a path, and the collections whose paths end here."""

    words: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    ends: list[Collection] = field(default_factory=list)

    def grown(self, segment: Segment) -> "_Node":
        if not segment.is_parameter:
            return self.words.setdefault(segment.text, _Node())
        self.parameter = self.parameter or _Node()
        return self.parameter

    def overlapping(self, segment: Segment) -> Iterator["_Node"]:
        """Yield the nodes after segments that can match the same text as this segment."""
        if self.parameter is not None:
            yield self.parameter
        if segment.is_parameter:
            yield from self.words.values()
        elif segment.text in self.words:
            yield self.words[segment.text]


def collisions(collections: Iterable[Collection]) -> Iterator[tuple[Collection, Collection]]:
    """Yield each pair of collections whose paths match the same request, the earlier collection first."""
    root = _Node()
    for collection in collections:
        if collection.segments:
            yield from ((earlier, collection) for earlier in _overlapping(root, collection.segments))
            _end_of(root, collection.segments).ends.append(collection)


def _overlapping(root: _Node, segments: Sequence[Segment]) -> Iterator[Collection]:
    nodes = [root]
    for segment in segments:
        nodes = [following for node in nodes for following in node.overlapping(segment)]
    return (collection for node in nodes for collection in node.ends)


def _end_of(root: _Node, segments: Sequence[Segment]) -> _Node:
    node = root
    for segment in segments:
        node = node.grown(segment)
    return node
