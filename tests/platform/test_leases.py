"""One holder at a time, on both databases."""

import asyncio
from datetime import timedelta

import pytest

from fixtures.sales import Clock
from shelfwise.platform.database import Database
from shelfwise.platform.leases import LeaseHeldError, LeaseLostError, Leases
from shelfwise.sales.tables import LEASES, MIGRATIONS


@pytest.fixture
async def database(databases):
    urls = await databases.fresh(MIGRATIONS)
    opened = Database(urls.database, schema=MIGRATIONS.service)
    yield opened
    await opened.dispose()


async def test_of_many_at_once_one_gets_it_and_the_others_are_told_when_to_come_again(database):
    leases, inside, refused = Leases(database, LEASES, Clock()), [], []

    async def contend(name: int) -> None:
        try:
            async with leases.hold("t1", "nightly", 60.0):
                inside.append(name)
                await asyncio.sleep(0.3)
        except LeaseHeldError as error:
            refused.append(error.headers["Retry-After"])

    await asyncio.gather(*(contend(name) for name in range(8)))
    assert len(inside) == 1
    assert refused == ["60"] * 7


async def test_another_name_another_tenant_and_who_comes_after_are_not_refused(database):
    leases = Leases(database, LEASES, Clock())
    async with leases.hold("t1", "nightly", 60.0), leases.hold("t2", "nightly", 60.0), leases.hold("t1", "x", 60.0):
        pass
    async with leases.hold("t1", "nightly", 60.0):
        pass


async def test_a_lease_ends_by_itself_and_its_late_holder_is_told_when_another_took_over(database):
    clock = Clock()
    leases = Leases(database, LEASES, clock)
    async with leases.hold("t1", "nightly", 60.0) as renew_first:
        clock.now += timedelta(seconds=59)
        await renew_first()
        clock.now += timedelta(seconds=59)
        with pytest.raises(LeaseHeldError):
            async with leases.hold("t1", "nightly", 60.0):
                pass
        clock.now += timedelta(seconds=1)
        async with leases.hold("t1", "nightly", 60.0) as renew_second:
            with pytest.raises(LeaseLostError):
                await renew_first()
            await renew_second()
