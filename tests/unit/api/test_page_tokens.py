from datetime import UTC, datetime

import pytest

from services.api.secrets.page_tokens import PageTokens
from services.api.secrets.server_keys import ServerKeys
from services.contract.errors import InvalidRequest

NOW = datetime(2026, 1, 31, tzinfo=UTC)
TOKENS = PageTokens(ServerKeys.of(bytes(32)), lambda: NOW)
OTHERS = PageTokens(ServerKeys.of(b"x" * 32), lambda: NOW)
WAITING = b"acme: what waits"


def test_a_token_opens_for_what_it_is_bound_to() -> None:
    assert TOKENS.opened(TOKENS.sealed("the id", WAITING), WAITING) == "the id"


def test_no_token_is_the_first_page() -> None:
    assert TOKENS.opened("", WAITING) == ""


@pytest.mark.parametrize(
    ("token", "bound_to"),
    [
        pytest.param(TOKENS.sealed("id", WAITING), b"other: what waits", id="bound to something else"),
        pytest.param(OTHERS.sealed("id", WAITING), WAITING, id="another server's key"),
        pytest.param("nonsense", WAITING, id="nonsense"),
        pytest.param("ñ", WAITING, id="not ASCII"),
    ],
)
def test_any_other_token_is_refused_by_name(token: str, bound_to: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        TOKENS.opened(token, bound_to)
    assert refused.value.violations[0].field == "page_token"


def test_a_token_shows_nothing_of_what_it_holds() -> None:
    assert "acme" not in TOKENS.sealed("the id", WAITING)
