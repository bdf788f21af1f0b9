import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.http import ConcurrencyPolicy
from shelfwise.http.permits import Permits
from shelfwise.http.strategies.concurrency import FixedLimit, Gradient2

LONG_SECONDS = 60.0  # nobody waits for it: what a test expects happens at once or is a failure


def permits(limit: int, *, max_waiters: int = 100) -> Permits:
    return Permits(FixedLimit(limit), time.monotonic, max_waiters=max_waiters)


async def settle() -> None:
    """Lets every task run as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_free_permit_is_taken_without_waiting():
    machine = permits(2)
    assert machine.try_acquire()
    assert await machine.acquire(0)
    assert machine.in_flight == machine.limit == 2
    assert not machine.try_acquire()


async def test_who_waits_longest_gets_the_next_permit():
    machine, got = permits(1), []

    async def caller(name: str) -> None:
        assert await machine.acquire(LONG_SECONDS)
        got.append(name)

    machine.try_acquire()
    tasks = []
    for name in "abc":
        tasks.append(asyncio.create_task(caller(name)))
        await settle()
    for expected in ("a", "ab", "abc"):
        machine.release(0.01)
        await settle()
        assert "".join(got) == expected
    assert (machine.in_flight, machine.waiting) == (1, 0)


async def test_a_newcomer_does_not_overtake_those_who_wait():
    machine = permits(1)
    machine.try_acquire()
    waiter = asyncio.create_task(machine.acquire(LONG_SECONDS))
    await settle()
    machine.release(0.01)
    assert not machine.try_acquire()
    assert await waiter


async def test_a_wait_ends_without_a_permit_when_its_time_is_over():
    machine = permits(1)
    machine.try_acquire()
    assert not await machine.acquire(0.001)
    assert not await machine.acquire(0)
    assert (machine.in_flight, machine.waiting) == (1, 0)
    machine.release(0.01)
    assert machine.in_flight == 0


async def test_one_more_than_may_wait_is_turned_away_at_once():
    machine = permits(1, max_waiters=2)
    machine.try_acquire()
    waiters = [asyncio.create_task(machine.acquire(LONG_SECONDS)) for _ in range(2)]
    await settle()
    assert not await machine.acquire(LONG_SECONDS)
    for _ in range(3):
        machine.release(0.01)
        await settle()
    assert await asyncio.gather(*waiters) == [True, True]
    assert machine.in_flight == 0


async def test_a_waiter_that_is_cancelled_makes_room_for_another():
    machine = permits(1, max_waiters=1)
    machine.try_acquire()
    cancelled = asyncio.create_task(machine.acquire(LONG_SECONDS))
    await settle()
    cancelled.cancel()
    await settle()
    patient = asyncio.create_task(machine.acquire(LONG_SECONDS))
    await settle()
    assert machine.waiting == 1
    machine.release(0.01)
    assert await patient


async def test_a_permit_granted_to_a_waiter_at_the_moment_of_its_cancellation_goes_to_the_next():
    machine = permits(1)
    machine.try_acquire()
    cancelled, patient = (asyncio.create_task(machine.acquire(LONG_SECONDS)) for _ in range(2))
    await settle()
    machine.release(0.01)  # granted, but its task has not run yet
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert await patient
    assert machine.in_flight == 1


async def test_a_permit_is_not_granted_to_a_waiter_that_was_cancelled_a_moment_before():
    machine = permits(1)
    machine.try_acquire()
    cancelled, patient = (asyncio.create_task(machine.acquire(LONG_SECONDS)) for _ in range(2))
    await settle()
    cancelled.cancel()  # its task has not run yet to leave the queue
    machine.release(0.01)
    assert await patient
    assert cancelled.cancelled()
    assert (machine.in_flight, machine.waiting) == (1, 0)


async def test_a_limit_that_grows_lets_several_waiters_go_at_once():
    machine = Permits(
        Gradient2(ConcurrencyPolicy(initial_limit=4, queue_size=20, minimum_samples=1), 100), lambda: 0.0, max_waiters=9
    )
    while machine.try_acquire():
        pass
    waiters = [asyncio.create_task(machine.acquire(LONG_SECONDS)) for _ in range(5)]
    await settle()
    machine.release(0.01)
    assert machine.limit == 8
    assert await asyncio.gather(*waiters) == [True] * 5
    assert machine.in_flight == 8


steps = st.lists(
    st.one_of(
        st.tuples(st.just("acquire"), st.sampled_from([0.0, 0.0005, LONG_SECONDS])),
        st.tuples(st.sampled_from(["cancel", "release", "run", "expire"]), st.integers(0, 20)),
    ),
    max_size=60,
)


@given(st.integers(1, 4), st.integers(0, 6), steps)
def test_however_acquire_release_cancel_and_time_interleave_no_permit_is_lost_or_made(limit, max_waiters, steps):
    asyncio.run(interleave(limit, max_waiters, steps))


async def interleave(limit: int, max_waiters: int, steps: list[tuple[str, float]]) -> None:
    machine = permits(limit, max_waiters=max_waiters)
    tasks: list[asyncio.Task[bool]] = []
    released: set[asyncio.Task[bool]] = set()

    def holders() -> list[asyncio.Task[bool]]:
        done = [task for task in tasks if task.done() and not task.cancelled()]
        return [task for task in done if task.result() and task not in released]

    for what, how in steps:
        if what == "acquire":
            tasks.append(asyncio.create_task(machine.acquire(how)))
        elif what == "cancel" and tasks:
            tasks[int(how) % len(tasks)].cancel()
        elif what == "release" and holders():
            chosen = holders()[int(how) % len(holders())]
            released.add(chosen)
            machine.release(0.01)
        elif what == "run":
            await asyncio.sleep(0)
        elif what == "expire":
            await asyncio.sleep(0.001)
        assert len(holders()) <= machine.in_flight <= limit
        assert machine.waiting <= max_waiters

    await settle()
    assert machine.in_flight == len(holders())
    assert machine.waiting == 0 or machine.in_flight == limit
    for task in tasks:
        task.cancel()
    await settle()
    for task in holders():
        released.add(task)
        machine.release(0.01)
    assert (machine.in_flight, machine.waiting) == (0, 0)
