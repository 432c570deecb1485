"""Who calls, as records and logs name it."""

from dataclasses import replace
from datetime import UTC, datetime

from services.api.domain.keys import Holder, Key
from services.api.rpc.gate import ANONYMOUS, Caller

KEY = Key(
    id="0123456789",
    holder=Holder.CALLER,
    tenant="acme",
    label="",
    digest=b"",
    scopes=frozenset(),
    all_tenants=False,
    sources=frozenset(),
    create_time=datetime.now(UTC),
)


def test_a_caller_with_a_key_is_named_by_its_id() -> None:
    caller = Caller(replace(KEY, label="a label says nothing here"))
    assert (caller.principal, caller.key_id) == ("key:0123456789", "0123456789")


def test_a_caller_without_credentials_is_anonymous() -> None:
    assert (Caller().principal, Caller().key_id) == (ANONYMOUS, "")
