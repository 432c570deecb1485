import re
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.worker.bundle.names import attachment_name, folder_names, safe_part

FOLDER = "files/xml/"
NASTY = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.lists(st.sampled_from(["..", "/", "\\", "C:", "a", "A", "_", "~", ".", " ", "1", "é", "\x00", ";"])).map(
        "".join
    ),
)
KEYS = st.lists(st.tuples(st.none() | NASTY, NASTY), min_size=2, max_size=6, unique=True)


def test_plain_keys_stand_in_names_as_they_are():
    assert attachment_name(FOLDER, ("17", "a-b"), "x/y/doc.xml") == "files/xml/17_a-b_doc.xml"


def test_keys_that_had_to_change_carry_a_digest():
    assert re.fullmatch(r"files/xml/A_B~[0-9a-f]{12}_doc\.xml", attachment_name(FOLDER, ("A/B",), "doc.xml"))
    assert attachment_name(FOLDER, ("AB",), "x") != attachment_name(FOLDER, ("ab",), "x")


@pytest.mark.slow
@given(NASTY.filter(bool), NASTY)
def test_names_can_be_unpacked_anywhere(key, path):
    name = attachment_name(FOLDER, (key,), path)
    assert ".." not in name
    assert not re.search(r'[<>:"|?*\\\x00-\x1f\x7f;]', name)
    assert len(name.encode()) <= 255
    assert not PureWindowsPath(name).drive
    assert not PureWindowsPath(name).is_absolute()
    assert len(PurePosixPath(name).parts) == 3
    assert name == name.rstrip(" .")


@pytest.mark.slow
@given(KEYS, NASTY)
def test_different_keys_never_share_a_name_even_ignoring_case(keys, path):
    names = [attachment_name(FOLDER, key, path) for key in keys]
    assert len({name.casefold() for name in names}) == len(keys)


def test_long_names_keep_their_extension():
    name = attachment_name(FOLDER, ("k" * 300,), "é" * 300 + ".xml")
    assert name.endswith(".xml")
    assert len(name.encode()) <= 255


@pytest.mark.parametrize("name", ["CON", "nul.txt", "..", "", " . "])
def test_names_that_no_file_can_have_are_changed(name):
    assert safe_part(name).startswith("_")


def test_folders_of_file_types_are_unique_ignoring_case():
    assert folder_names(("a.xml", "a/b", "A_B")) == ("files/a.xml/", "files/a_b/", "files/A_B~2/")
