"""Files of settings: what cannot be read is refused in words, what is mistaken with all of its mistakes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from services.api import tenants
from services.api.catalog.definition import file as catalog
from services.runtime.toml import FileError, Mistake, Table, document
from services.worker.sources import settings as sources

DEEP = {
    "lists": f"a = {'[' * 20_000}",
    "tables": f"a = {'{a=' * 20_000}",
    "closed": f"a = {'[' * 20_000}{']' * 20_000}",
}


def written(directory: Path, content: str | bytes) -> Path:
    file = directory / "settings.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def messages(file: Path) -> list[str]:
    with pytest.raises(FileError) as refused:
        document(file)
    assert str(refused.value).startswith(f"{file} has 1 mistake:\n  ")
    return [m.message for m in refused.value.mistakes]


@pytest.mark.parametrize("content", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize("load", [document, catalog.load, sources.load, tenants.load], ids=lambda load: load.__module__)
def test_values_deep_in_one_another_are_refused_in_words(
    tmp_path: Path, load: Callable[[Path], object], content: str
) -> None:
    with pytest.raises(FileError, match="has values nested too deeply"):
        load(written(tmp_path, content))


def test_what_is_no_file_of_toml_is_refused_in_words(tmp_path: Path) -> None:
    assert messages(tmp_path / "none.toml") == ["cannot be read: No such file or directory"]
    assert messages(tmp_path) == ["cannot be read: Is a directory"]
    assert messages(written(tmp_path, b'a = "\xe9"'))[0].startswith("is not TOML in UTF-8: ")
    assert messages(written(tmp_path, "[a"))[0].startswith("is not TOML in UTF-8: ")


NUL = """
# C:\\0 is no text
name = "a\\u0000b"
"b\\u0000" = "two\\nlines\\tand \\u0001"
list = ["a", "\\u0000"]
[sources.a]
root = "/a\\U00000000"
deep = { texts = [["\\u0000"]] }
[[sources.a.columns]]
field = "sound"
[[sources.a.columns]]
field = "\\u0000"
inner = [{ x = "\\u0000" }]
"""


def test_texts_with_nul_are_named_with_their_places_and_other_control_characters_may_be_there(tmp_path: Path) -> None:
    with pytest.raises(FileError) as refused:
        document(written(tmp_path, NUL))
    assert [(m.table, m.key) for m in refused.value.mistakes] == [
        ("", "name"),
        ("", "b\0"),
        ("", "list"),
        ("[sources.a]", "root"),
        ("[sources.a.deep]", "texts"),
        ("[[sources.a.columns]] no. 2", "field"),
        ("[[[sources.a.columns]] no. 2 inner] no. 1", "x"),
    ]
    assert {m.message for m in refused.value.mistakes} == {"holds the character NUL, which no text here may hold"}


@pytest.mark.parametrize("load", [catalog.load, sources.load, tenants.load], ids=lambda load: load.__module__)
def test_no_file_of_settings_takes_nul(tmp_path: Path, load: Callable[[Path], object]) -> None:
    with pytest.raises(FileError, match="holds the character NUL"):
        load(written(tmp_path, '[sources.a]\nkind = "sql"\nurl = "sqlite:///a\\u0000"'))


@pytest.mark.parametrize("text", ['"\\uD800"', '"\\uDC00x"', '"\\U0000DFFF"'])
def test_half_a_surrogate_pair_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    assert "(at line 2, column " in messages(written(tmp_path, f"a = 1\nb = {text}"))[0]


def test_each_getter_notes_its_mistake_and_gives_something_to_go_on_with() -> None:
    mistakes: list[Mistake] = []
    table = Table("[a]", {key: {"b": 1} for key in "tfnrxcd"}, "tfnrxcdm", mistakes)
    assert (table.text("t"), table.text("m", "default")) == ("", "default")
    assert table.flag("f", default=True) is False
    assert table.number("n", 5, range(10)) == 5
    assert table.real("r", 0.5, 0.1, 2) == 0.5
    assert (table.texts("x", needed=True), table.texts("m", needed=False)) == ((), ())
    assert table.choice("c", ["one", "two"]) == ""
    assert table.pairs("d") == {}
    assert [(m.key, m.message) for m in mistakes] == [
        ("t", "must be a text that is not empty"),
        ("f", "must be true or false"),
        ("n", "must be a whole number from 0 to 9"),
        ("r", "must be a number from 0.1 to 2"),
        ("x", "must be a list of texts that are not empty"),
        ("c", "must be a text that is not empty"),
        ("d", "must be a table of texts that are not empty"),
    ]


@pytest.mark.parametrize("value", [0.09, 2.1, float("nan"), float("inf"), -1, 10**400, True, "1", None])
def test_a_number_out_of_bounds_is_none(value: object) -> None:
    mistakes: list[Mistake] = []
    assert Table("", {"r": value}, ["r"], mistakes).real("r", 0, 0.1, 2) == 0
    assert [str(m) for m in mistakes] == ["r: must be a number from 0.1 to 2"]


def test_an_unknown_key_is_noted_with_the_one_that_was_meant() -> None:
    mistakes: list[Mistake] = []
    Table("[a]", {"colour": 1, "zzz": 2, "size": 3}, ["color", "size"], mistakes)
    later = Table("[b]", {"colour": 1}, None, mistakes)
    assert [str(m) for m in mistakes] == [
        "[a] colour: unknown key; did you mean color?",
        "[a] zzz: unknown key; allowed: color, size",
    ]
    later.allow(["color"])
    assert str(mistakes[-1]) == "[b] colour: unknown key; did you mean color?"


def test_what_is_no_table_is_noted_once() -> None:
    mistakes: list[Mistake] = []
    Table("[a]", 5, ["b"], mistakes).text("b")
    assert [str(m) for m in mistakes] == ["[a] this is not a table"]


def test_a_mistake_is_one_line_whatever_its_names_hold() -> None:
    assert str(Mistake("[a\nb]", "c\x1b[2J", "wrong")) == r"[a\nb] c\x1b[2J: wrong"
