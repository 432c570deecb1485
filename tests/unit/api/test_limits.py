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
