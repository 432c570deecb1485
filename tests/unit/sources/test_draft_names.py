"""Names for callers, made of those of a source."""

import pytest

from services.api.catalog.definition.identifiers import is_field, is_name, is_word
from services.api.catalog.query.reserved import WORDS
from services.contract.query_words import QUERY_WORDS
from services.worker.sources.introspect import names


def test_the_words_of_the_grammar_are_those_that_names_must_not_be() -> None:
    assert set(WORDS) == QUERY_WORDS


@pytest.mark.parametrize(
    ("name", "field", "word"),
    [
        ("arr delay (min)", "arrDelayMin", "arr-delay-min"),
        ("IDNumber", "idNumber", "id-number"),
        ("customer_id", "customerId", "customer-id"),
        ("2nd side", "n2NdSide", "2-nd-side"),
        ("имя клиента", "имяКлиента", "имя-клиента"),
        ("ИмяКлиента", "имяКлиента", "имя-клиента"),
        ("número", "numero", "numero"),
        ("Straße", "strasse", "strasse"),
        ("顧客ID", "顧客Id", "顧客-id"),
        ("नाम", "नाम", "नाम"),
        ("ΑΡΙΘΜΌΣ", "αριθμός", "αριθμός"),
        ("ﬁne №½", "fineNo12", "fine-no-1-2"),
        ("_", "", ""),
    ],
)
def test_names_keep_their_letters(name: str, field: str, word: str) -> None:
    assert (names.camel(name), names.kebab(name)) == (field, word)
    assert not field or (is_field(field) and is_name(names.pascal(name)) and is_word(word))


@pytest.mark.parametrize("name", ["", "-a", "1a", "a b", "a.", ".a", "a/b", "ा", "a\ud800"])
def test_what_is_no_name(name: str) -> None:
    assert not is_field(name)


@pytest.mark.parametrize("word", ["", ".a", "a b", "a/b", "a?b", "%41", "ा", "{a}"])
def test_what_is_no_word_of_a_path(word: str) -> None:
    assert not is_word(word)


@pytest.mark.parametrize("name", ["arr_delay", "IDNumber", "HTTPServer2Go", "aB", "ABc9d", "x-y z", "2nd", "_", ""])
def test_a_name_of_ascii_has_the_words_that_it_has_among_letters_of_any_script(name: str) -> None:
    assert names.words(name) == names.words(f"{name} \u0444")[:-1]


def test_names_that_many_tables_share_are_numbered_without_gaps() -> None:
    given = names.Names()
    assert given.free("a3") == "a3"
    assert [given.free("a") for _ in range(4)] == ["a", "a2", "a4", "a5"]
    assert given.free("A2") == "A22"
