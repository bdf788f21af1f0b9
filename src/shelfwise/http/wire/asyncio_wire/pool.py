"""The connections of one origin, and the exchanges that wait for one."""

import asyncio

from shelfwise.http.exceptions import ConnectError, ConnectTimeout, PoolTimeout, RemoteProtocolError, WireError
from shelfwise.http.policy import Policy
from shelfwise.http.wire.asyncio_wire.connector import Connection, Connector, NotHttp2
from shelfwise.http.wire.asyncio_wire.exchange import Carrier, Exchange
from shelfwise.http.wire.asyncio_wire.fields import Origin
from shelfwise.http.wire.asyncio_wire.http2_session import Http2Session
from shelfwise.http.wire.asyncio_wire.socket_protocol import Owner, SocketProtocol
from shelfwise.http.wire.origins import OriginTable, Protocol

_IDLE_SECONDS = 90.0
_SWEEP_SECONDS = 30.0


class OriginPool(Owner, Carrier):
    """Gives each exchange a connection, in the order in which they came.

    Over HTTP/2 ``connections_per_instance`` are taken in turns and shared; over HTTP/1.1 there are at most
    ``max_connections``, and ``max_keepalive`` of them are kept while nobody needs them.
    """

    def __init__(self, origin: Origin, policy: Policy, connector: Connector, origins: OriginTable) -> None:
        self._origin = origin
        self._policy = policy
        self._connector = connector
        self._origins = origins
        self._key = f"{origin.scheme}://{origin.authority}"
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[Exchange, None] = {}
        self._connections: set[Connection] = set()
        self._sessions: list[Http2Session] = []
        self._idle: list[Connection] = []
        self._openings: set[asyncio.Task[None]] = set()
        self._turn = 0
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        return sum(connection.is_open for connection in self._connections)

    @property
    def streams(self) -> int:
        return sum(connection.busy for connection in self._connections)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def unused(self) -> bool:
        return not (self._connections or self._openings or self._waiting)

    def submit(self, exchange: Exchange) -> None:
        """Start the exchange, now or when there is a connection for it."""
        if not self._waiting:
            connection = self._ready()
            if connection is not None:
                connection.start(exchange)
                if isinstance(connection, Http2Session) and len(self._sessions) < self._policy.connections_per_instance:
                    self._open_more(exchange.timeout_seconds)
                return
        self._waiting[exchange] = None
        exchange.carrier = self
        self._open_more(exchange.timeout_seconds)

    def _ready(self) -> Connection | None:
        if self._idle:
            return self._idle.pop()
        sessions = self._sessions
        for _ in sessions:
            self._turn = (self._turn + 1) % len(sessions)
            session = sessions[self._turn]
            if session.accepting:
                return session
        return None

    def abandon(self, exchange: Exchange) -> None:
        self._waiting.pop(exchange, None)

    def timed_out(self, exchange: Exchange) -> WireError:
        seconds = exchange.timeout_seconds
        if self._openings and not self._connections:
            return ConnectTimeout(f"No connection within {seconds:.3g} s")
        return PoolTimeout(f"No free connection within {seconds:.3g} s")

    def _protocol(self) -> Protocol | None:
        """What the next connection is to speak; None: whatever the peer can."""
        mode = self._policy.http2
        if mode == "auto":
            return self._origins.protocol(self._key)
        return "h2" if mode == "on" else "h1"

    def _open_more(self, timeout_seconds: float) -> None:
        """As many connections as those that wait can use."""
        protocol = self._protocol()
        if protocol == "h1":
            free = self._policy.max_connections - len(self._connections)
            wanted = min(len(self._waiting), free)
        else:
            # One at a time: what the first one finds out is news for the others.
            wanted = 1 if len(self._sessions) < self._policy.connections_per_instance else 0
        while len(self._openings) < wanted:
            task = self._loop.create_task(self._open(protocol, timeout_seconds))
            self._openings.add(task)
            task.add_done_callback(self._openings.discard)

    async def _open(self, protocol: Protocol | None, timeout_seconds: float) -> None:
        # A peer of HTTP/1.1 may wait for the rest of what it takes for a request: half of the time is left for it.
        agree = timeout_seconds / 2 if protocol is None else None
        task = asyncio.current_task()
        assert task is not None
        try:
            connection = await self._connector.open(self._origin, self, protocol, agree)
        except NotHttp2 as refusal:
            self._openings.discard(task)
            self._on_refusal(refusal)
        except WireError as error:
            self._openings.discard(task)
            self._on_failure(error, protocol)
        else:
            self._openings.discard(task)
            self._on_open(connection)

    def _on_open(self, connection: Connection) -> None:
        if self._policy.http2 == "auto":
            self._origins.settle(self._key, "h2" if isinstance(connection, Http2Session) else "h1")
        if connection.closing:
            self._on_failure(ConnectError("The peer closed the connection at once"), None)
            return
        self._connections.add(connection)
        if isinstance(connection, Http2Session):
            self._sessions.append(connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)
        self.freed(connection)
        self._serve_others()

    def _on_refusal(self, refusal: NotHttp2) -> None:
        if self._policy.http2 == "auto" and self._origin.scheme == "http":
            self._origins.settle(self._key, "h1" if refusal.spoke else "unknown")
            self._serve_others()
        elif refusal.spoke:
            self._on_failure(RemoteProtocolError(str(refusal)), None)
        else:
            self._on_failure(ConnectError("The connection ended before HTTP/2 was agreed"), None)

    def _on_failure(self, error: WireError, protocol: Protocol | None) -> None:
        """No connection: over HTTP/1.1 that is the failure of one exchange, else of all that wait for it."""
        if protocol == "h1":
            count = 1 if len(self._waiting) > len(self._openings) else 0
        else:
            count = 0 if self._sessions else len(self._waiting)
        for exchange in list(self._waiting)[:count]:
            del self._waiting[exchange]
            exchange.fail(type(error)(str(error), sent=error.sent))
        self._serve_others()

    def _serve_others(self) -> None:
        if self._waiting:
            self._open_more(next(iter(self._waiting)).timeout_seconds)

    def freed(self, connection: SocketProtocol) -> None:
        assert isinstance(connection, Connection)
        if connection not in self._connections:
            return
        if isinstance(connection, Http2Session) and connection.retired and connection in self._sessions:
            self._sessions.remove(connection)  # its streams may go on for long; another takes what comes now
            self._serve_others()
        while self._waiting and connection.accepting:
            exchange = next(iter(self._waiting))
            del self._waiting[exchange]
            connection.start(exchange)
        if connection.busy:
            return
        connection.idle_since = self._loop.time()
        if isinstance(connection, Http2Session):
            if connection.retired:
                connection.say_goodbye()
        elif connection.accepting and connection not in self._idle:
            if len(self._idle) < self._policy.max_keepalive:
                self._idle.append(connection)
            else:
                connection.close()

    def lost(self, connection: SocketProtocol) -> None:
        assert isinstance(connection, Connection)
        self._connections.discard(connection)
        if isinstance(connection, Http2Session):
            if connection in self._sessions:
                self._sessions.remove(connection)
        elif connection in self._idle:
            self._idle.remove(connection)
        self._serve_others()

    def _sweep(self) -> None:
        """Close what nobody has used for a while."""
        self._sweeper = None
        until = self._loop.time() - _IDLE_SECONDS
        for connection in list(self._connections):
            if not connection.busy and connection.idle_since < until:
                connection.say_goodbye()
        if self._connections:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def close(self) -> list[asyncio.Future[None]]:
        """Say goodbye to all; returns what is done when each connection is closed."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for task in self._openings:
            task.cancel()
        waiting, self._waiting = self._waiting, {}
        for exchange in waiting:
            exchange.fail(ConnectError("The client was closed"))
        connections = list(self._connections)
        for connection in connections:
            connection.say_goodbye()
        return [*(connection.ended for connection in connections), *self._openings]

    def abort(self) -> None:
        for connection in list(self._connections):
            connection.abort()
