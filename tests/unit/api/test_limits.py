import gc
import weakref

import pytest

from services.api.rpc.limits import Limit
from services.contract.errors import TooManyStreams


def test_one_more_than_there_are_is_refused_and_room_comes_back() -> None:
    limit = Limit("download", 2)
    with limit.held("a"):
        with limit.held("a"), pytest.raises(TooManyStreams), limit.held("b"):
            pass
        with limit.held("b"):
            pass


def test_one_holder_does_not_take_what_others_need() -> None:
    limit = Limit("download", 3, most_each=2)
    with limit.held("a"), limit.held("a"):
        with pytest.raises(TooManyStreams) as refused, limit.held("a"):
            pass
        assert refused.value.limit == 2
        with limit.held("b"), pytest.raises(TooManyStreams), limit.held("c"):
            pass


class Holder(str):
    """A name that can be seen to be forgotten."""

    __slots__ = ("__weakref__",)


@pytest.mark.parametrize("refused", [False, True])
def test_a_holder_that_holds_nothing_is_forgotten(*, refused: bool) -> None:
    limit, holder = Limit("download", 1), Holder("a")
    if refused:
        with limit.held("other"), pytest.raises(TooManyStreams), limit.held(holder):
            pass
    else:
        with limit.held(holder):
            pass
    gone = weakref.ref(holder)
    del holder
    gc.collect()
    assert gone() is None
