"""Transactions, isolation and the outbox on both databases."""

import asyncio
from decimal import Decimal

import pytest
import sqlalchemy as sa

from fixtures.things import KEYS, NOW, OUTBOX, THINGS
from shelfwise.platform.database import Database, insert_into
from shelfwise.platform.idempotency import IdempotencyKeys, RequestIdentity, StoredAnswer
from shelfwise.platform.migrate import current_revision, drift, head_revision
from shelfwise.platform.outbox import Outbox, OutboxBatch, OutboxMessage, Relay
from shelfwise.platform.problems import IdempotencyMismatchError, UnavailableError


@pytest.fixture
async def relay_database(urls):
    database = Database(urls.relay or urls.database, schema="things", busy_timeout_seconds=2)
    yield database
    await database.dispose()


async def add(database, tenant, number, price="1.25"):
    async with database.write(tenant) as connection:
        await connection.execute(
            insert_into(connection, THINGS).values(tenant_id=tenant, id=number, price=Decimal(price), at=NOW)
        )


async def count(database, tenant):
    async with database.read(tenant) as connection:
        return await connection.scalar(sa.select(sa.func.count()).select_from(THINGS))


async def test_money_and_instants_come_back_exactly(database):
    await add(database, "a", 1, "1234.5678")
    async with database.read("a") as connection:
        row = (await connection.execute(sa.select(THINGS.c.price, THINGS.c.at))).one()
    assert row == (Decimal("1234.5678"), NOW)


async def test_an_error_rolls_the_whole_transaction_back(database):
    with pytest.raises(RuntimeError):
        async with database.write("a") as connection:
            await connection.execute(insert_into(connection, THINGS).values(tenant_id="a", id=1, price=1, at=NOW))
            raise RuntimeError
    assert await count(database, "a") == 0


async def test_the_schema_agrees_with_the_tables_in_the_code(urls, migrations):
    assert await drift(migrations, urls.owner) == []
    assert await current_revision(migrations, urls.database) == head_revision(migrations) == "0001"


async def test_the_serving_role_without_a_tenant_sees_no_row(database):
    if database.is_sqlite:
        pytest.skip("row-level security is PostgreSQL's")
    await add(database, "a", 1)
    assert await count(database, None) == 0
    assert await count(database, "b") == 0
    assert await count(database, "a") == 1


async def test_the_serving_role_cannot_write_for_another_tenant(database):
    if database.is_sqlite:
        pytest.skip("row-level security is PostgreSQL's")
    with pytest.raises(sa.exc.DBAPIError, match="row-level security"):
        async with database.write("a") as connection:
            await connection.execute(insert_into(connection, THINGS).values(tenant_id="b", id=1, price=1, at=NOW))


async def test_the_relays_role_sees_every_outbox_and_nothing_else(database, relay_database):
    if database.is_sqlite:
        pytest.skip("roles are PostgreSQL's")
    for tenant in ("a", "b"):
        async with database.write(tenant) as connection:
            await Outbox(OUTBOX, connection, tenant).add([OutboxMessage("sales", "e1", b"{}")], NOW)
    async with database.read(None) as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(OUTBOX)) == 0
    async with relay_database.read(None) as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(OUTBOX)) == 2
    with pytest.raises(sa.exc.DBAPIError, match="permission denied"):
        await count(relay_database, "a")


async def test_a_hundred_writers_at_once_all_commit(database):
    await asyncio.gather(*(add(database, "a", number) for number in range(100)))
    assert await count(database, "a") == 100


async def test_a_full_queue_of_writers_is_503_and_not_a_pile(urls):
    if urls.migration is not None:
        pytest.skip("PostgreSQL queues by its pool")
    database = Database(urls.database, schema="things", busy_timeout_seconds=1, write_queue_limit=1)
    async with database.write("a"):
        waiting = asyncio.create_task(add(database, "a", 1))
        await asyncio.sleep(0.05)
        with pytest.raises(UnavailableError) as refused:
            await add(database, "a", 2)
    await waiting
    assert refused.value.headers["Retry-After"] == "1"
    await database.dispose()


async def test_a_relay_delivers_each_message_and_tries_again_what_failed(database, relay_database):
    async with database.write("a") as connection:
        await Outbox(OUTBOX, connection, "a").add(
            [OutboxMessage("sales", f"e{number}", b"%d" % number) for number in range(5)], NOW
        )
    taken: list[OutboxBatch] = []
    fail = [True]

    async def deliver(batch: OutboxBatch) -> None:
        if fail.pop() if fail else False:
            raise ConnectionError
        taken.append(batch)

    clock = [NOW]
    relay = Relay(relay_database, OUTBOX, deliver, clock=lambda: clock[0])
    assert await relay.deliver_once() is False
    assert (await relay.lag()).pending == 5
    assert await relay.deliver_once() is False, "a failed batch waits before it is tried again"
    clock[0] = NOW.replace(minute=1)
    assert await relay.deliver_once() is True
    assert [message.payload for message in taken[0].messages] == [b"0", b"1", b"2", b"3", b"4"]
    assert (await relay.lag()).pending == 0
    assert await relay.deliver_once() is False


async def test_what_a_dead_relay_had_claimed_is_delivered_by_another(database, relay_database):
    async with database.write("a") as connection:
        await Outbox(OUTBOX, connection, "a").add([OutboxMessage("sales", "e", b"x")], NOW)
    clock = [NOW]

    async def die(_batch: OutboxBatch) -> None:
        raise asyncio.CancelledError

    taken: list[OutboxBatch] = []

    async def take(batch: OutboxBatch) -> None:
        taken.append(batch)

    with pytest.raises(asyncio.CancelledError):
        await Relay(relay_database, OUTBOX, die, clock=lambda: clock[0]).deliver_once()
    other = Relay(relay_database, OUTBOX, take, clock=lambda: clock[0])
    assert await other.deliver_once() is False
    clock[0] = NOW.replace(minute=2)
    assert await other.deliver_once() is True
    assert len(taken) == 1


async def test_the_same_key_gives_the_same_answer_and_another_payload_is_refused(database):
    def identity(payload: bytes) -> RequestIdentity:
        return RequestIdentity.of(tenant_id="a", subject="ann", route="POST /x", key="k", payload=payload)

    async with database.write("a") as connection:
        keys = IdempotencyKeys(KEYS, connection)
        assert await keys.stored(identity(b"1"), NOW) is None
        await keys.store(identity(b"1"), StoredAnswer(201, b"{}"), NOW)
    async with database.write("a") as connection:
        keys = IdempotencyKeys(KEYS, connection)
        assert await keys.stored(identity(b"1"), NOW) == StoredAnswer(201, b"{}")
        with pytest.raises(IdempotencyMismatchError):
            await keys.stored(identity(b"2"), NOW)
