"""One link is used and downloaded with at a limited pace."""

import pytest

from services.api.rpc.links import pace as module
from services.api.rpc.links.pace import SECONDS_A_USE, USES_AT_ONCE, LinkPace
from services.contract.errors import QuotaExceeded


def test_many_uses_at_once_pass_then_one_in_a_while_and_other_links_are_not_concerned() -> None:
    now = [0.0]
    pace = LinkPace(lambda: now[0])
    for _ in range(USES_AT_ONCE):
        pace.take("one")
    with pytest.raises(QuotaExceeded) as refused:
        pace.take("one")
    assert (refused.value.quota, refused.value.used, refused.value.wait_s) == ("uses_of_link", USES_AT_ONCE, 1)
    pace.take("other")
    for _ in range(5):
        now[0] += SECONDS_A_USE
        pace.take("one")
        with pytest.raises(QuotaExceeded):
            pace.take("one")
    now[0] += 2 * USES_AT_ONCE * SECONDS_A_USE
    for _ in range(USES_AT_ONCE):
        pace.take("one")
    with pytest.raises(QuotaExceeded):
        pace.take("one")


def test_who_is_refused_waits_no_longer_for_having_tried() -> None:
    now = [0.0]
    pace = LinkPace(lambda: now[0])
    for _ in range(3 * USES_AT_ONCE):
        try:
            pace.take("one")
        except QuotaExceeded as refused:
            wait_s = refused.wait_s
    now[0] += wait_s
    pace.take("one")


def test_only_links_used_least_recently_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LINKS", 2)
    pace = LinkPace(lambda: 0.0)
    for _ in range(USES_AT_ONCE):
        pace.take("one")
    pace.take("two")
    with pytest.raises(QuotaExceeded):
        pace.take("one")
    pace.take("three")
    pace.take("one")
