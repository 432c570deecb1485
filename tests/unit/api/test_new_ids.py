"""New ids: what they are made of, and that no two are the same."""

import os
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

import pytest

from services.api.world import ASKED_AT_ONCE, AscendingIds, RandomNumbers, World

WORLD = World()


@pytest.mark.parametrize(("new_id", "version"), [(WORLD.new_id, 4), (WORLD.new_export_id, 7)])
def test_an_id_is_a_uuid_in_its_usual_form(new_id, version):
    for _ in range(200):
        text = new_id()
        uuid = UUID(text)
        assert (str(uuid), uuid.version, uuid.variant) == (text, version, RFC_4122)


def test_all_other_bits_are_random():
    seen, unseen = 0, 2**128 - 1
    for number in (UUID(WORLD.new_id()).int for _ in range(200)):
        seen, unseen = seen | number, unseen & number
    assert seen ^ unseen == 2**128 - 1 - (0xF << 76) - (0b11 << 62)


def test_the_system_is_asked_for_many_at_once_and_each_is_given_once():
    asked = []

    def random_bytes(count):
        asked.append(count)
        return b"".join((len(asked) * 1000 + n).to_bytes(16, "big") for n in range(count // 16))

    numbers = RandomNumbers(random_bytes)
    given = [numbers() for _ in range(3 * ASKED_AT_ONCE)]
    assert asked == [16 * ASKED_AT_ONCE] * 3
    assert {*given} == {ask * 1000 + n for ask in (1, 2, 3) for n in range(ASKED_AT_ONCE)}


def test_no_two_threads_get_the_same():
    with ThreadPoolExecutor(8) as threads:
        given = [*threads.map(lambda _: WORLD.new_id(), range(20_000))]
        ascending = [*threads.map(lambda _: WORLD.new_export_id(), range(20_000))]
    assert len({*given}) == len({*ascending}) == 20_000


def test_a_child_process_gets_others():
    numbers = RandomNumbers()
    numbers()
    from_child, to_parent = os.pipe()
    if (child := os.fork()) == 0:
        os.write(to_parent, b"".join(numbers().to_bytes(16, "big") for _ in range(3)))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    told = os.read(from_child, 48)
    os.close(from_child)
    os.close(to_parent)
    childs = {int.from_bytes(told[start : start + 16], "big") for start in (0, 16, 32)}
    assert len(childs) == 3
    assert childs.isdisjoint(numbers() for _ in range(ASKED_AT_ONCE))


def test_each_export_id_is_greater_than_the_one_before_whatever_the_clock_does():
    times = iter([5_000_000_000, 5_000_000_000, 5_000_999_999, 4_000_000_000, 9_000_000_000])
    new_id = AscendingIds(lambda: next(times))
    ids = [new_id() for _ in range(5)]
    assert ids == sorted(ids)
    assert [UUID(each).int >> 80 for each in ids] == [5000, 5001, 5002, 5003, 9000]
