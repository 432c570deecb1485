"""Collections that one path would name both, found among thousands; and how much a collection may show."""

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.catalog.definition import keys
from services.api.catalog.definition.file import load
from services.api.catalog.definition.paths import collisions
from services.api.catalog.model import Collection, Segment
from services.api.rpc import encode
from services.contract.formats import Format
from services.contract.spec import Relation, SourceRef
from services.runtime.toml import FileError

SEGMENTS = st.lists(st.sampled_from([*"ab", "{x}", "{y}"]), max_size=4)
MANY = 20_000


def collection(code: str, path: list[str]) -> Collection:
    segments = tuple(Segment(part.strip("{}"), part.startswith("{")) for part in path)
    return Collection(code, segments, "", SourceRef("s", "sql"), Relation("t"), ("id",), (), (Format.CSV,))


def overlap(one: Collection, other: Collection) -> bool:
    """Some text fits each pair of segments."""
    pairs = zip(one.segments, other.segments, strict=False)
    alike = all(a.is_parameter or b.is_parameter or a.text == b.text for a, b in pairs)
    return len(one.segments) == len(other.segments) > 0 and alike


@given(st.lists(SEGMENTS, max_size=8))
def test_the_pairs_that_collide_are_those_that_overlap(paths: list[list[str]]) -> None:
    all_ = [collection(f"C{number}", path) for number, path in enumerate(paths)]
    found = {(one.code, other.code) for one, other in collisions(all_)}
    assert found == {(one.code, other.code) for one, other in combinations(all_, 2) if overlap(one, other)}


def test_thousands_of_paths_are_not_compared_with_each_other() -> None:
    looked_at = 0

    class Word(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal looked_at
            looked_at += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    paths = [collection(f"C{n}", [Word(f"table{n}")]) for n in range(MANY)]
    assert not list(collisions(paths))
    assert looked_at < 10 * MANY


def catalog_of(tmp_path: Path, columns: int, header: str) -> Path:
    path = tmp_path / "catalog.toml"
    listed = ", ".join(f'{{ field = "c{n}", header = "{header}{n}" }}' for n in range(columns))
    path.write_text(
        '[sources.s]\nkind = "sql"\n[collections.C]\npath = "/c"\nsource = "s"\ntable = "t"\nkey = "c0"\n'
        f'formats = ["CSV"]\ncolumns = [{listed}]\n'
    )
    return path


def test_a_collection_that_no_answer_could_show_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"\[collections.C\] shows \d+ bytes of texts and columns; at most 786432 go"):
        load(catalog_of(tmp_path, 800, "h" * 1000))


def test_what_a_collection_may_show_is_no_less_than_what_is_encoded_of_it(tmp_path: Path) -> None:
    (known,) = load(catalog_of(tmp_path, 700, "h" * 1000)).collections
    assert 700_000 < encode.collection(known, with_columns=True).ByteSize() <= keys.MAX_COLLECTION_BYTES
