from datetime import UTC, datetime

import pytest

from services.api.domain.states import State
from services.api.ports.exports import ExportFilter
from services.api.secrets.page_tokens import PageTokens
from services.contract.errors import InvalidRequest

TOKENS = PageTokens(bytes(32))
WAITING = ExportFilter(states=frozenset({State.QUEUED, State.FAILED}), created_after=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_token_opens_for_the_same_tenant_and_filters() -> None:
    assert TOKENS.opened(TOKENS.sealed("the id", "acme", WAITING), "acme", WAITING) == "the id"


def test_no_token_is_the_first_page() -> None:
    assert TOKENS.opened("", "acme", WAITING) == ""


@pytest.mark.parametrize(
    ("token", "tenant", "wanted"),
    [
        pytest.param(TOKENS.sealed("id", "acme", WAITING), "other", WAITING, id="another tenant"),
        pytest.param(TOKENS.sealed("id", "acme", WAITING), "acme", ExportFilter(), id="other filters"),
        pytest.param(PageTokens(b"x" * 32).sealed("id", "acme", WAITING), "acme", WAITING, id="another server's key"),
        pytest.param("nonsense", "acme", WAITING, id="nonsense"),
        pytest.param("ñ", "acme", WAITING, id="not ASCII"),
    ],
)
def test_any_other_token_is_refused_by_name(token: str, tenant: str, wanted: ExportFilter) -> None:
    with pytest.raises(InvalidRequest) as refused:
        TOKENS.opened(token, tenant, wanted)
    assert refused.value.violations[0].field == "page_token"


def test_a_token_shows_nothing_of_what_it_holds() -> None:
    assert "acme" not in TOKENS.sealed("the id", "acme", WAITING)
