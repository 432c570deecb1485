import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.worker.writers.text_bytes import may_hold

SIGNS = b'"\\'
TEXTS = st.lists(st.none() | st.text(st.sampled_from('ab é€"\\\x00\n\x1f\x7f'), max_size=16), max_size=12)


@given(texts=TEXTS, start=st.integers(0, 3), chunks=st.booleans())
def test_a_sign_or_a_control_character_is_found_in_any_text(texts: list[str | None], start: int, *, chunks: bool):
    values = pl.Series(texts, dtype=pl.String)
    column = (values.append(values) if chunks else values)[start:]
    held = any(sign < " " or sign in '"\\' for text in column.to_list() if text for sign in text)
    assert may_hold(column, SIGNS) == held


@pytest.mark.parametrize("length", [1, 11, 12, 13, 40])
@pytest.mark.parametrize("sign", ['"', "\\", "\x00", "\x1f"])
def test_one_sign_in_many_texts_is_found(length: int, sign: str):
    texts = [f"{n:x}"[:length].ljust(length, "x") for n in range(5_000)]
    assert not may_hold(pl.Series(texts), SIGNS)
    texts[4_321] = texts[4_321][: length - 1] + sign
    assert may_hold(pl.Series(texts), SIGNS)
