"""Work is given up when the caller's time is up or the caller is gone: real sockets, real queries, both databases."""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from itertools import count

import asyncpg
import pytest
import sqlalchemy as sa
from litestar import Litestar, Request, get, post
from litestar.params import FromPath
from prometheus_client import CollectorRegistry

from fixtures.servers import RunningServer, running
from fixtures.things import KEYS, NOW, THINGS
from shelfwise.http import Policy, ServiceClient
from shelfwise.platform import deadline
from shelfwise.platform.auth import TokenRules, TokenVerifier, mint_token
from shelfwise.platform.database import Database, insert_into
from shelfwise.platform.health import Readiness, health_router
from shelfwise.platform.idempotency import IdempotencyKeys, StoredAnswer
from shelfwise.platform.repeatable import identity_of, stored_response
from shelfwise.platform.settings import PlatformSettings
from shelfwise.platform.telemetry import HttpMetrics
from shelfwise.platform.web import create_application

SECRET = "0123456789abcdef0123456789abcdef"
TOKEN = mint_token(SECRET, subject="ann", tenants=["t1"], scopes=frozenset({"sales:read"}), ttl_seconds=3600)
HEADERS = {"Authorization": f"Bearer {TOKEN}", "X-Tenant-ID": "t1", "Host": "localhost"}
OPT = {"scope": "sales:read"}
#: Both would run far longer than any of these tests.
SLOW_POSTGRESQL = sa.text("SELECT pg_sleep(600)")
SLOW_SQLITE = sa.text(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000000)"
    " SELECT count(*), (SELECT count(*) FROM things) FROM n"
)


@dataclass
class Seen:
    """What the handlers did."""

    begun: list[str] = field(default_factory=list)
    completed: list[str] = field(default_factory=list)


async def slow_query(connection) -> None:
    await connection.execute(SLOW_SQLITE if connection.dialect.name == "sqlite" else SLOW_POSTGRESQL)


async def add(connection, number: int) -> None:
    await connection.execute(insert_into(connection, THINGS).values(tenant_id="t1", id=number, price=1, at=NOW))


def routes(database: Database, seen: Seen) -> list:
    @get("/read/{pace:str}", opt=OPT)
    async def read(request: Request, pace: FromPath[str]) -> dict[str, object]:
        seen.begun.append(request.scope["http_version"])
        async with database.read("t1") as connection:
            if pace == "slow":
                await slow_query(connection)
        seen.completed.append("read")
        return {"deadline": deadline.current() is not None}

    @get("/read-and-ask/{number:int}", opt=OPT)
    async def read_body(request: Request, number: FromPath[int]) -> dict[str, int]:
        await asyncio.sleep(number / 1000)
        return {"bytes": len(await request.body())}

    @post("/write/{pace:str}", opt=OPT)
    async def write(request: Request, pace: FromPath[str]) -> object:
        identity = await identity_of(request, "POST /write")
        seen.begun.append(request.scope["http_version"])
        async with database.write("t1") as connection:
            keys = IdempotencyKeys(KEYS, connection)
            if identity is not None:
                stored = await keys.stored(identity, NOW)
                if stored is not None:
                    return stored_response(stored)
                await keys.store(identity, StoredAnswer(201, b'{"first": true}'), NOW)
            await add(connection, 1)
            if pace == "slow":
                await slow_query(connection)
            if pace == "blocking":
                # As mathematics would: the loop cannot run its timers.
                time.sleep(0.3)  # noqa: ASYNC251
        seen.completed.append("write")
        return {"first": True}

    @post("/write-then/{following:str}", opt=OPT)
    async def write_then(following: FromPath[str]) -> dict[str, bool]:
        async with database.write("t1") as connection:
            await add(connection, 1)
        await asyncio.sleep(1.5)
        if following == "write":
            async with database.write("t1") as connection:
                await add(connection, 2)
        seen.completed.append("write-then")
        return {"written": True}

    @post("/broken-off", opt=OPT)
    async def broken_off() -> None:
        async with database.write("t1") as connection:
            await add(connection, 1)
        try:
            async with database.read("t1") as connection:
                await slow_query(connection)
        except asyncio.CancelledError:
            async with database.write("t1") as connection:
                await add(connection, 99)
            raise

    return [read, read_body, write, write_then, broken_off]


@dataclass
class Service:
    server: RunningServer
    database: Database
    seen: Seen
    registry: CollectorRegistry
    is_busy: Callable[[], Awaitable[bool]]

    async def call(self, method: str, path: str, **headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.server.raw(method, path, {**HEADERS, **named})

    async def rows(self, table=THINGS) -> int:
        async with self.database.read("t1") as connection:
            return await connection.scalar(sa.select(sa.func.count()).select_from(table))

    async def until_counted(self, route: str, status: int) -> None:
        """Waits for one request in the metrics."""
        labels = {"route": route, "method": "GET", "status": str(status)}
        async with asyncio.timeout(20):
            while self.registry.get_sample_value("shelfwise_http_requests_total", labels) != 1:
                await asyncio.sleep(0.02)

    async def until_busy(self, *, busy: bool = True) -> None:
        """Waits for the query to run, or to run no more; the limit is only there to end a test that hangs."""
        async with asyncio.timeout(20):
            while await self.is_busy() is not busy:
                await asyncio.sleep(0.02)


def busy_postgresql(urls, postgres):
    """Whether the slow query runs in the server."""

    async def is_busy() -> bool:
        connection = await asyncpg.connect(postgres.url("postgres", "postgres"))
        try:
            return bool(
                await connection.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND datname = $1"
                    " AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()",
                    urls.database.rpartition("/")[2],
                )
            )
        finally:
            await connection.close()

    return is_busy


def busy_sqlite(urls):
    """Whether anybody still reads the state before a change, or holds the writer's lock."""
    path = urls.database.removeprefix("sqlite:///")
    versions = count(1)

    async def is_busy() -> bool:
        with closing(sqlite3.connect(path, timeout=0)) as connection:
            try:
                connection.execute(f"PRAGMA user_version = {next(versions)}")
                return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
            except sqlite3.OperationalError:
                return True

    return is_busy


@pytest.fixture
async def service(databases, urls, database) -> AsyncIterator[Service]:
    is_busy = busy_sqlite(urls) if database.is_sqlite else busy_postgresql(urls, databases)
    registry, seen = CollectorRegistry(), Seen()

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        yield

    app = create_application(
        title="Things",
        version="1",
        description="",
        settings=PlatformSettings(),
        verifier=TokenVerifier(TokenRules(SECRET)),
        metrics=HttpMetrics(registry),
        routes=routes(database, seen),
        health=health_router(
            service="things",
            version="1",
            checks={},
            essential=frozenset(),
            readiness=Readiness(),
            registry=registry,
        ),
        dependencies={},
        lifespan=lifespan,
    )
    async with running(app) as server:
        yield Service(server, database, seen, registry, is_busy)


def is_deadline_problem(answer) -> bool:
    document = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["request_id"] == answer.headers["x-request-id"]
    return (answer.status, document["type"]) == (504, "urn:shelfwise:problem:deadline_exceeded")


@asynccontextmanager
async def http_1(service: Service, method: str, path: str, **headers: str) -> AsyncIterator[None]:
    """A caller over HTTP/1.1 that goes away when the block ends."""
    _, writer = await asyncio.open_connection("127.0.0.1", service.server.port)
    named = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await writer.drain()
    yield
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def http_2(service: Service, method: str, path: str, **headers: str) -> AsyncIterator[None]:
    """A call over HTTP/2 that is cancelled when the block ends, on a connection that lives on."""
    named = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    del named["Host"]
    policy = Policy(http2="on", total_timeout_seconds=60)
    async with ServiceClient(service.server.url, policy, name="things") as client:
        call = asyncio.create_task(client.call(method, path, headers=named))
        yield
        call.cancel()
        await asyncio.wait((call,))
        assert (await client.call("GET", "/read/fast", headers=named)).status == 200


CALLERS = pytest.mark.parametrize(("caller", "version"), [(http_1, "1.1"), (http_2, "2")])


async def test_a_query_still_running_when_the_time_is_up_is_stopped_and_answered_504(service):
    call = asyncio.create_task(service.call("GET", "/read/slow", grpc_timeout="1500m"))
    await service.until_busy()
    assert is_deadline_problem(await call)
    assert await service.is_busy() is False, "stopped before the answer left"
    assert (service.seen.begun, service.seen.completed) == (["1.1"], [])


@CALLERS
async def test_a_query_whose_caller_goes_away_is_stopped(service, caller, version):
    async with caller(service, "GET", "/read/slow"):
        await service.until_busy()
    await service.until_busy(busy=False)
    assert service.seen.begun[0] == version
    assert service.seen.completed == (["read"] if caller is http_2 else []), "only the fast one that followed"
    await service.until_counted("/read/{pace}", 499)


async def test_a_write_whose_time_is_up_leaves_nothing_and_the_next_writer_gets_its_turn(service):
    call = asyncio.create_task(service.call("POST", "/write/slow", grpc_timeout="1500m", Idempotency_Key="k"))
    await service.until_busy()
    assert is_deadline_problem(await call)
    assert (await service.rows(), await service.rows(KEYS)) == (0, 0)
    again = await service.call("POST", "/write/fast", Idempotency_Key="k2")
    assert (again.status, await service.rows()) == (201, 1)


@CALLERS
async def test_a_write_whose_caller_goes_away_leaves_nothing_and_the_next_writer_gets_its_turn(
    service, caller, version
):
    async with caller(service, "POST", "/write/slow", Idempotency_Key="k", Content_Length="0"):
        await service.until_busy()
    await service.until_busy(busy=False)
    assert service.seen.begun[0] == version
    assert (await service.rows(), await service.rows(KEYS)) == (0, 0)
    assert (await service.call("POST", "/write/fast", Idempotency_Key="k2")).status == 201


async def test_what_was_computed_past_the_deadline_is_not_committed(service):
    answer = await service.call("POST", "/write/blocking", grpc_timeout="200m")
    assert is_deadline_problem(answer)
    assert (await service.rows(), service.seen.completed) == (0, [])


async def test_what_was_committed_is_answered_though_the_time_is_up_by_then(service):
    answer = await service.call("POST", "/write-then/nothing", grpc_timeout="1000m")
    assert (answer.status, await service.rows()) == (201, 1)


async def test_a_request_of_two_transactions_ends_between_them(service):
    answer = await service.call("POST", "/write-then/write", grpc_timeout="1000m")
    assert is_deadline_problem(answer)
    assert (await service.rows(), service.seen.completed) == (1, [])


async def test_a_commit_under_way_when_the_time_is_up_is_let_finish(service, urls):
    if service.database.is_sqlite:
        pytest.skip("only PostgreSQL's commits can be made slow")
    owner = await asyncpg.connect(urls.owner)
    await owner.execute(
        "SET search_path = things;"
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$;"
        "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION wait()"
    )
    await owner.close()
    answer = await service.call("POST", "/write/fast", grpc_timeout="1000m", Idempotency_Key="k")
    assert (answer.status, service.seen.completed) == (201, ["write"])
    assert (await service.rows(), await service.rows(KEYS)) == (1, 1)


async def test_clean_up_after_the_deadline_may_write(service):
    call = asyncio.create_task(service.call("POST", "/broken-off", grpc_timeout="1500m"))
    await service.until_busy()
    assert is_deadline_problem(await call)
    async with service.database.read("t1") as connection:
        ids = (await connection.scalars(sa.select(THINGS.c.id).order_by(THINGS.c.id))).all()
    assert ids == [1, 99]


async def test_a_request_in_time_is_answered_as_ever_with_and_without_a_deadline(service):
    timed = await service.call("GET", "/read/fast", grpc_timeout="30S")
    plain = await service.call("GET", "/read/fast")
    assert (timed.status, json.loads(timed.body)) == (200, {"deadline": True})
    assert (plain.status, json.loads(plain.body)) == (200, {"deadline": False})


async def test_a_slow_request_whose_caller_stays_is_answered(service):
    answer = await service.call("GET", "/read-and-ask/400")
    assert (answer.status, json.loads(answer.body)) == (200, {"bytes": 0})


async def test_a_time_that_is_up_already_begins_nothing(service):
    assert is_deadline_problem(await service.call("POST", "/write/fast", grpc_timeout="0n"))
    assert service.seen.begun == []


@pytest.mark.parametrize("value", ["1", "soon", "123456789S", "-1S", "1.5S"])
async def test_a_malformed_timeout_is_400_and_begins_nothing(service, value):
    answer = await service.call("GET", "/read/fast", grpc_timeout=value)
    assert (answer.status, json.loads(answer.body)["type"]) == (400, "urn:shelfwise:problem:malformed")
    assert service.seen.begun == []


async def test_two_timeouts_are_400(service):
    pairs = [*HEADERS.items(), ("grpc-timeout", "1S"), ("grpc-timeout", "2S")]
    assert (await service.server.raw("GET", "/read/fast", pairs)).status == 400
