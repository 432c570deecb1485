import threading
import time
from collections.abc import Iterator

import pytest

from services.worker.concurrency.ordered_pool import OrderedPool
from services.worker.concurrency.prefetch import in_turn, prefetch
from services.worker.concurrency.serial_sink import SerialSink
from tests.patience import PATIENCE_S


def one(_: object) -> int:
    return 1


def own_threads() -> list[threading.Thread]:
    return [
        t for t in threading.enumerate() if t.name.startswith(("exportd-prefetch", "exportd-serial-sink", "abreast"))
    ]


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    assert own_threads() == []


def test_items_come_in_order_from_another_thread():
    made_by = []

    def items() -> Iterator[int]:
        for n in range(100):
            made_by.append(threading.current_thread().name)
            yield n

    with prefetch(items(), 3, one) as taken:
        assert list(taken) == list(range(100))
    assert set(made_by) == {"exportd-prefetch"}


def test_no_more_is_made_than_may_wait():
    made: list[int] = []
    full = threading.Semaphore(0)

    def items() -> Iterator[int]:
        for n in range(10):
            made.append(n)
            full.release()
            yield n

    with prefetch(items(), 20, lambda _: 10) as taken:
        for expected in range(10):
            assert next(taken) == expected
            # Items of size 10 are made while less than 20 waits: two beyond the one that was taken, at the most.
            assert len(made) <= expected + 3
    assert full.acquire(timeout=PATIENCE_S)


def test_making_goes_on_while_an_item_is_in_use():
    made_two = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        made_two.set()
        yield 2

    with prefetch(items(), 1, one) as taken:
        assert next(taken) == 1
        assert made_two.wait(PATIENCE_S)


def test_a_taker_that_waits_is_idle_now_and_then():
    idle = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert idle.wait(PATIENCE_S)
        yield 2

    with prefetch(items(), 3, one, idle.set) as taken:
        assert list(taken) == [1, 2]


def test_what_making_raises_comes_after_the_items_before_it():
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken source")

    with prefetch(items(), 3, one) as taken:
        assert next(taken) == 1
        with pytest.raises(ValueError, match="broken source"):
            next(taken)
        assert list(taken) == []


def test_leaving_early_closes_the_iterator_in_its_own_thread():
    closed_by = []

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed_by.append(threading.current_thread().name)

    def take_one() -> None:
        with prefetch(items(), 2, one) as taken:
            raise KeyError(next(taken))

    with pytest.raises(KeyError):
        take_one()
    assert closed_by == ["exportd-prefetch"]


def test_items_in_turn_are_made_when_they_are_asked_for_and_by_whom():
    made: list[int] = []
    closed_by = []

    def items() -> Iterator[int]:
        try:
            for n in range(3):
                made.append(n)
                yield n
        finally:
            closed_by.append(threading.current_thread())

    def take_one() -> None:
        with in_turn(items()) as taken:
            raise KeyError(next(taken))

    with pytest.raises(KeyError):
        take_one()
    assert (made, closed_by) == ([0], [threading.current_thread()])
    with in_turn([1, 2]) as taken:
        assert list(taken) == [1, 2]


def test_items_are_worked_on_in_order_behind_the_caller():
    done: list[int] = []
    sink = SerialSink(done.append, 2)
    for n in range(100):
        sink.put(n)
    sink.end()
    assert done == list(range(100))


def test_putting_waits_while_there_is_no_room():
    may_work, put_all = threading.Event(), threading.Event()
    sink = SerialSink(lambda _: may_work.wait(PATIENCE_S), 2)

    def put() -> None:
        for n in range(3):
            sink.put(n)
        put_all.set()

    putting = threading.Thread(target=put)
    putting.start()
    assert not put_all.wait(0.05)  # long enough for a put that does not wait to get through
    may_work.set()
    putting.join()
    sink.end()


def test_what_work_raises_comes_out_once_and_the_rest_is_dropped():
    done: list[int] = []

    def work(n: int) -> None:
        done.append(n)
        raise OSError(n)

    sink = SerialSink(work, 1)
    sink.put(1)
    with pytest.raises(OSError, match="1"):
        sink.put(2)
    sink.put(3)
    sink.end()
    sink.abandon()
    assert done == [1]


def test_what_the_last_item_raises_comes_out_at_the_end():
    sink = SerialSink(lambda n: 1 // n, 1)
    sink.put(0)
    with pytest.raises(ZeroDivisionError):
        sink.end()


def test_abandoning_drops_what_waits():
    working = threading.Event()
    done: list[int] = []

    def work(n: int) -> None:
        working.set()
        until = time.monotonic() + PATIENCE_S
        while not sink.abandoned and time.monotonic() < until:
            time.sleep(0.001)  # abandon waits for the end of this
        done.append(n)

    sink = SerialSink(work, 3)
    sink.put(1)
    sink.put(2)
    assert working.wait(PATIENCE_S)
    sink.abandon()
    assert done == [1]
    sink.abandon()


def test_work_is_done_abreast_and_its_results_are_taken_in_order():
    both_begun = threading.Barrier(2)
    taken: list[int] = []

    def work(n: int) -> int:
        both_begun.wait(PATIENCE_S)  # neither ends before the other has begun
        return n

    pool: OrderedPool[int] = OrderedPool(2, 2, taken.append, "abreast")
    for n in range(10):
        pool.put(work, n)
        assert len(taken) >= n - 1
    pool.end()
    assert taken == list(range(10))


def test_what_work_abreast_raises_comes_out_and_nothing_behind_it_is_taken():
    taken: list[int] = []
    pool: OrderedPool[int] = OrderedPool(2, 3, taken.append, "abreast")
    pool.put(int, "1")
    pool.put(int, "x")
    pool.put(int, "3")
    with pytest.raises(ValueError, match="invalid literal"):
        pool.finish()
    for following in (pool.finish, pool.end, lambda: pool.put(int, "4")):
        with pytest.raises(ValueError, match="results are missing"):
            following()
    for thread in own_threads():
        thread.join(PATIENCE_S)
    assert taken == [1]


def test_work_abreast_that_is_abandoned_ends_its_threads():
    go_on = threading.Event()
    taken: list[bool] = []
    pool: OrderedPool[bool] = OrderedPool(1, 3, taken.append, "abreast")
    for _ in range(3):
        pool.put(go_on.wait, PATIENCE_S)
    pool.abandon()
    go_on.set()
    for thread in own_threads():
        thread.join(PATIENCE_S)
    assert taken == []
