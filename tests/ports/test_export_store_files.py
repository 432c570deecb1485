"""What the store keeps beside the table: passwords until the end, attachments for as long as the file."""

import pytest

from services.api.domain.retry import GiveUp, RetryAfter
from services.api.domain.states import CancelReason, State
from services.api.ports.exports import RequestMark
from tests.ports.driving import POLICY, WORKER, completed, lease, leased
from tests.ports.samples import CRASH, SECOND, SPEC, START, STATS, new_attachments, new_export, new_file

SEALED = b"nonce and ciphertext"


async def encrypted(store, max_attempts=3):
    return await store.exports.create(new_export(encrypted=True, max_attempts=max_attempts), SPEC, None, SEALED)


# ---- passwords


async def test_the_password_comes_with_every_lease_until_the_end(store):
    export = await encrypted(store)
    assert export.encrypted
    first = await lease(store)
    assert first.sealed_password == SEALED
    assert (await store.leases.unconfirmed(WORKER, START + SECOND))[0].sealed_password == SEALED
    await store.leases.fail(first.ref, CRASH, RetryAfter(SECOND), START)
    assert (await lease(store, START + SECOND, "poll-2")).sealed_password == SEALED


async def test_an_open_export_has_none(store):
    await leased(store)
    await store.exports.create(new_export(), SPEC, RequestMark("r", b"d"))
    assert (await lease(store, poll_id="poll-2")).sealed_password is None


async def complete(store, claimed):
    return await store.leases.complete(claimed.ref, new_file(claimed.export.id, encrypted=True), STATS, START)


async def cancel(store, claimed):
    return (await store.exports.cancel("acme", claimed.export.id, START, only_if_queued=False))[0]


async def cancel_before_a_worker_came(store, claimed):
    await store.leases.release([claimed.ref], START)
    return (await store.exports.cancel("acme", claimed.export.id, START, only_if_queued=True))[0]


async def give_up(store, claimed):
    return await store.leases.fail(claimed.ref, CRASH, GiveUp(CancelReason.NOT_RETRYABLE), START)


async def run_out(store, claimed):
    await store.leases.renew(WORKER, [claimed.ref], START)
    return (await store.leases.expire(START + POLICY.ttl))[0]


@pytest.mark.parametrize("end", [complete, cancel, cancel_before_a_worker_came, give_up, run_out])
async def test_every_end_erases_the_password_in_the_same_transaction(store, end):
    await encrypted(store, max_attempts=1)
    export = await end(store, await lease(store))
    assert (export.done, export.encrypted) == (True, True)
    # The end itself would have failed otherwise: a rule of the row says so.


@pytest.mark.parametrize(
    ("export", "sealed"),
    [(new_export(encrypted=True), None), (new_export(encrypted=False), SEALED)],
    ids=["encrypted without a password", "a password of an open export"],
)
async def test_a_password_is_there_exactly_when_the_export_is_encrypted(store, export, sealed):
    with pytest.raises(Exception, match="exports_password_until_done"):
        await store.exports.create(export, SPEC, None, sealed)


async def test_no_open_file_is_published_for_an_encrypted_export(store):
    await encrypted(store)
    claimed = await lease(store)
    with pytest.raises(Exception, match="exports_sealed_as_asked"):
        await store.leases.complete(claimed.ref, new_file(claimed.export.id), STATS, START)
    assert (await store.exports.get("acme", claimed.export.id)).state is State.PROCESSING


# ---- attachments


async def test_attachments_are_found_by_their_own_id_and_go_with_their_export(store):
    driven = await leased(store)
    file = new_file(driven.export.id)
    attachments = new_attachments(file)
    export = await store.leases.complete(driven.lease, file, STATS, START, attachments=attachments)
    assert (export.file, export.attachments_file) == (file, attachments)
    assert (
        export
        == await store.exports.get_by_file("acme", attachments.id)
        == await store.exports.get_by_file("acme", file.id)
    )
    assert export.file_of(attachments.id) == attachments
    assert await store.exports.get_by_file("other", attachments.id) is None
    await store.exports.delete("acme", export.id, START)
    assert await store.exports.get_by_file("acme", attachments.id) is None


async def test_without_attachments_there_is_no_second_file(store):
    assert (await completed(store)).export.attachments_file is None
