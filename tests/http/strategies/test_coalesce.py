import asyncio

import pytest

from shelfwise.http.strategies.coalesce import SingleFlight


async def test_a_flight_lands_once_for_all_who_joined():
    flights: SingleFlight[int] = SingleFlight()
    started = 0

    async def fly() -> int:
        nonlocal started
        started += 1
        await asyncio.sleep(0.01)
        return 7

    task = flights.lead("k", fly)
    assert task is not None
    assert flights.joined("k") is task
    assert await task == 7
    assert started == 1
    assert len(flights) == 0


async def test_a_full_table_takes_no_further_flight():
    flights: SingleFlight[None] = SingleFlight(max_flights=1)
    assert flights.lead("a", lambda: asyncio.sleep(10)) is not None
    assert flights.lead("b", lambda: asyncio.sleep(10)) is None
    await flights.aclose()
    assert len(flights) == 0


async def test_a_failure_that_nobody_waits_for_disturbs_nobody():
    flights: SingleFlight[None] = SingleFlight()

    async def crash() -> None:
        raise ValueError("nobody listens")

    task = flights.lead("k", crash)
    assert task is not None
    await asyncio.wait([task])
    with pytest.raises(ValueError, match="nobody"):
        task.result()
    assert flights.joined("k") is None
