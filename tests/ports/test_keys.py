"""What may be relied on of any store of keys."""

from datetime import timedelta

import pytest

from services.api.domain.keys import CALLERS_SCOPES, Holder, Key, Scope
from tests.ports.samples import START

HOUR = timedelta(hours=1)


def key(id_: str, holder: Holder = Holder.CALLER, tenant: str = "acme", **more) -> Key:
    values = {"label": "of a test", "digest": b"\0digest", "scopes": CALLERS_SCOPES, "all_tenants": False}
    return Key(id_, holder, tenant, **{**values, "sources": frozenset(), "create_time": START, **more})


async def test_a_key_is_found_as_it_was_added(store):
    full = key(
        "k1",
        scopes=frozenset(Scope),
        all_tenants=True,
        expire_time=START + HOUR,
        label="ключ 'x'",
        collections=frozenset({"Orders*", "Shops"}),
    )
    token = key(
        "k2", Holder.WORKER, "", scopes=frozenset(), sources=frozenset({"shop", "files"}), tenants=frozenset({"acme"})
    )
    for each in (full, token):
        await store.keys.add(each)
    assert (await store.keys.find("k1"), await store.keys.find("k2"), await store.keys.find("k")) == (full, token, None)


async def test_a_key_is_the_first_of_its_line_unless_it_descends_from_another(store):
    await store.keys.add(key("k1"))
    await store.keys.replace("k1", key("k2", lineage="k1"), START + HOUR, START)
    assert [(await store.keys.find(id_)).lineage for id_ in ("k1", "k2")] == ["k1", "k1"]


async def test_a_second_one_with_its_id_is_refused(store):
    await store.keys.add(key("k1"))
    with pytest.raises(Exception, match=r"k1|UNIQUE|unique"):
        await store.keys.add(key("k1", tenant="other"))
    assert (await store.keys.find("k1")).tenant == "acme"


@pytest.mark.parametrize(("holder", "other"), [(Holder.CALLER, Holder.WORKER), (Holder.WORKER, Holder.CALLER)])
async def test_there_is_any_from_the_first_key_of_its_kind_on(store, holder, other):
    assert not await store.keys.any(holder)
    await store.keys.add(key("k1", other))
    assert not await store.keys.any(holder)
    await store.keys.add(key("k2", holder))
    await store.keys.revoke("k2", None, START)
    assert await store.keys.any(holder)


async def test_pages_are_in_order_and_those_of_a_tenant_are_its_own(store):
    for id_, tenant in (("b", "acme"), ("a", "acme"), ("c", "other"), ("d", "acme")):
        await store.keys.add(key(id_, tenant=tenant))
    asked = {(None, "", 9): "abcd", (None, "b", 1): "c", ("acme", "", 2): "ab", ("acme", "b", 9): "d"}
    for page, found in asked.items():
        assert "".join(each.id for each in await store.keys.page(*page)) == found


@pytest.mark.parametrize(("expires", "ends"), [(None, 2), (1, 1), (3, 2)])
async def test_a_key_is_replaced_and_ends_at_the_earlier_moment(store, expires, ends):
    await store.keys.add(key("k1", expire_time=expires and START + expires * HOUR))
    assert await store.keys.replace("k1", key("k2"), START + 2 * HOUR, START)
    assert (await store.keys.find("k1")).expire_time == START + ends * HOUR
    assert await store.keys.find("k2") == key("k2")


@pytest.mark.parametrize("state", ["revoked", "expired", "missing"])
async def test_a_key_that_is_not_valid_is_not_replaced(store, state):
    if state != "missing":
        await store.keys.add(key("k1", expire_time=START if state == "expired" else None))
    if state == "revoked":
        await store.keys.revoke("k1", None, START)
    before = await store.keys.find("k1")
    assert not await store.keys.replace("k1", key("k2"), START + HOUR, START)
    assert (await store.keys.find("k1"), await store.keys.find("k2")) == (before, None)


async def test_a_key_is_revoked_once_and_by_its_own_tenant(store):
    await store.keys.add(key("k1"))
    assert await store.keys.revoke("k1", "other", START) is None
    assert await store.keys.revoke("k0", None, START) is None
    assert (await store.keys.find("k1")).revoke_time is None
    assert (await store.keys.revoke("k1", "acme", START)).revoke_time == START
    again = await store.keys.revoke("k1", None, START + HOUR)
    assert again == await store.keys.find("k1")
    assert again.revoke_time == START


async def test_a_digest_is_replaced_if_it_is_the_one_before(store):
    await store.keys.add(key("k1"))
    await store.keys.redigest("k1", b"another", b"new")
    assert await store.keys.find("k1") == key("k1")
    for _ in range(2):
        await store.keys.redigest("k1", b"\0digest", b"new")
    assert await store.keys.find("k1") == key("k1", digest=b"new")
