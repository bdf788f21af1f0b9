"""How long a request may take, and where its work may be cut off when nobody waits for the answer any more.

A caller says in ``grpc-timeout`` how long it still waits (gRPC's form: one to eight digits and a unit of ``H M S m u
n``). The caller keeps back the time that the way takes (``shelfwise.http`` 20 ms), so nothing more is subtracted here.
A value of another form is 400: ignored, it would leave a caller with a bound that does not hold. Zero is a time that is
up already, and more than a day is a day.

When the time is up, or the caller is gone, the request's task is cancelled: a query is cancelled in the database
(``shelfwise.platform.database``), the transaction is rolled back, the writer's turn passes on. With two exceptions:

- A commit that has begun is let finish, and so is what follows it: the answer says what was done. Only where the
  request would begin another transaction does it end. So a request of one transaction that is answered with 504 wrote
  nothing, its Idempotency-Key included.
- An answer that has begun to leave is let leave.

A request is told once: transactions of clean-up code that the cancellation runs (an import's note that it was broken
off) are like any other. Threads cannot be cut off: mathematics under way in one runs to its end, unheard.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, Protocol

from shelfwise.http import Deadline
from shelfwise.platform.problems import BadRequestError

Clock = Callable[[], float]
Reason = Literal["deadline", "gone"]

_FORM = re.compile(rb"([0-9]{1,8})([HMSmun])")
_UNIT_SECONDS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_MAX_SECONDS = 86_400.0
FOREVER = float("inf")


def seconds_of(grpc_timeout: bytes) -> float:
    """The seconds that a ``grpc-timeout`` header gives, a day at most.

    Raises:
        BadRequestError: not one to eight digits and a unit.
    """
    found = _FORM.fullmatch(grpc_timeout)
    if found is None:
        raise BadRequestError("The header grpc-timeout is not 1 to 8 digits and one of H, M, S, m, u, n.")
    return min(int(found[1]) * _UNIT_SECONDS[found[2]], _MAX_SECONDS)


class Cancellable(Protocol):
    """A task, of which this needs no more."""

    def cancel(self) -> object: ...


class CancelScope:
    """Whether one request's work goes on. Its ``task`` is cancelled once at most."""

    __slots__ = ("_clock", "_commits", "_sealed", "_task", "_told", "at", "reason")

    def __init__(self, task: Cancellable, at: float = FOREVER, clock: Clock = time.monotonic) -> None:
        """``at`` is the deadline on ``clock``."""
        self.at = at
        self.reason: Reason | None = None
        self._task = task
        self._clock = clock
        self._commits = 0
        self._sealed = False
        self._told = False

    def end(self, reason: Reason) -> None:
        """Nobody waits any more: cuts the work off now, or where it would begin another transaction."""
        if self._told:
            return
        self.reason = self.reason or reason
        if not self._sealed and not self._commits:
            self._told = True
            self._task.cancel()

    def answering(self) -> None:
        """The answer leaves: nothing is cut off any more."""
        self._told = True

    def before_transaction(self) -> None:
        """Lets the work be cut off again after a commit.

        Raises:
            asyncio.CancelledError: nobody waits any more.
        """
        self._check()
        self._sealed = False

    @contextmanager
    def committing(self) -> Iterator[None]:
        """Keeps the commit inside, and what follows until another transaction begins, from being cut off.

        Raises:
            asyncio.CancelledError: nobody waits any more; the commit was not begun.
        """
        self._check()
        self._sealed = True
        self._commits += 1
        try:
            yield
        finally:
            self._commits -= 1

    def _check(self) -> None:
        if self._told:
            return
        # The timer may be late: a busy loop runs it after the work that it should have ended.
        if self.reason is None and self._clock() >= self.at:
            self.reason = "deadline"
        if self.reason is not None:
            self._told = True
            raise asyncio.CancelledError(self.reason)


CURRENT: ContextVar[CancelScope | None] = ContextVar("shelfwise.cancel_scope", default=None)
"""The scope of the request being handled, if one is; the edge sets it."""


def current() -> Deadline | None:
    """The deadline of the request being handled, to hand down to calls made for it; None without one."""
    scope = CURRENT.get()
    return None if scope is None or scope.at == FOREVER else Deadline(scope.at)


def answering() -> None:
    """As :meth:`CancelScope.answering` of the request being handled; without a request, nothing."""
    scope = CURRENT.get()
    if scope is not None:
        scope.answering()


def before_transaction() -> None:
    """As :meth:`CancelScope.before_transaction` of the request being handled; without a request, nothing."""
    scope = CURRENT.get()
    if scope is not None:
        scope.before_transaction()


@contextmanager
def committing() -> Iterator[None]:
    """As :meth:`CancelScope.committing` of the request being handled; without a request, nothing."""
    scope = CURRENT.get()
    if scope is None:
        yield
        return
    with scope.committing():
        yield
