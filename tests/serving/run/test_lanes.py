import threading

import pytest

from companion.serving.run.lanes import QUICK_S, Lanes


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make(clock):
    made = []

    def make(n_threads):
        made.append(Lanes(n_threads, clock=clock))
        return made[-1]

    yield make
    for lanes in made:
        lanes.shutdown()


def hold(lanes):
    """Keep the first thread busy; return what frees it."""
    busy, free = threading.Event(), threading.Event()

    def wait():
        busy.set()
        free.wait(10)

    done = lanes.submit(wait)
    assert busy.wait(10)
    return free, done


def test_quick_tasks_are_done_by_one_thread(make):
    lanes = make(4)

    names = {lanes.submit(threading.get_ident).result(10) for _ in range(50)}

    assert len(names) == 1


def test_what_waits_behind_a_slow_task_goes_to_the_others(make, clock):
    lanes = make(3)
    free, slow = hold(lanes)
    waiting = [lanes.submit(lambda n=n: n) for n in range(5)]
    assert lanes.waiting

    lanes.rescue()
    assert not any(one.done() for one in waiting)  # it may still be quick
    clock.now += 2 * QUICK_S
    lanes.rescue()

    assert [one.result(10) for one in waiting] == list(range(5))
    assert lanes.submit(lambda: "later").result(10) == "later"
    assert not slow.done()
    free.set()


def test_all_threads_answer_side_by_side_while_they_are_slow(make, clock):
    lanes = make(4)
    held = []
    for _ in range(4):
        held.append(hold(lanes))
        clock.now += 2 * QUICK_S

    assert not any(done.done() for _, done in held)
    for free, _ in held:
        free.set()


def test_while_another_helps_the_first_thread_has_twice_the_time(make, clock):
    """Both take turns, so a task that is quick alone is not when both work."""
    lanes = make(3)
    first, done = hold(lanes)
    clock.now += 2 * QUICK_S
    helping, _ = hold(lanes)
    first.set()
    done.result(10)
    again, _ = hold(lanes)
    waits = lanes.submit(lambda: "done")

    clock.now += 1.5 * QUICK_S
    lanes.rescue()
    assert lanes.waiting
    clock.now += QUICK_S
    lanes.rescue()

    assert waits.result(10) == "done"
    again.set()
    helping.set()


def test_the_first_thread_takes_back_what_the_others_cannot_do(make, clock):
    lanes = make(2)
    first, _ = hold(lanes)
    clock.now += 2 * QUICK_S
    second, _ = hold(lanes)
    waits = lanes.submit(lambda: "done")

    first.set()

    assert waits.result(10) == "done"
    second.set()


def test_one_thread_does_all_in_turn(make, clock):
    lanes = make(1)
    free, _ = hold(lanes)
    clock.now += 2 * QUICK_S
    waits = lanes.submit(lambda: "done")
    lanes.rescue()
    assert not lanes.waiting
    assert not waits.done()

    free.set()

    assert waits.result(10) == "done"


def test_a_failure_is_the_future_s(make):
    def fail():
        raise ValueError("broken")

    lanes = make(2)

    with pytest.raises(ValueError, match="broken"):
        lanes.submit(fail).result(10)
    assert lanes.submit(lambda: 1).result(10) == 1


def test_the_end_waits_for_what_was_submitted(clock):
    lanes = Lanes(3, clock=clock)
    free, _ = hold(lanes)
    waits = [lanes.submit(lambda n=n: n) for n in range(4)]

    free.set()
    lanes.shutdown()

    assert [one.result(0) for one in waits] == list(range(4))
