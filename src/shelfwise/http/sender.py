"""One attempt: an instance, its breaker, a permit, the attempt's time and span, the wire."""

from shelfwise.http.calls import Call, Outcome
from shelfwise.http.exceptions import (
    ConnectError,
    ConnectTimeout,
    DeadlineExceeded,
    DecodingError,
    HTTPClientError,
    LocalProtocolError,
    PoolTimeout,
    RateLimited,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    ResponseTooLarge,
    UnsupportedProtocol,
    WriteError,
    WriteTimeout,
)
from shelfwise.http.instances import Instance, InstanceSet, Pick
from shelfwise.http.instrumentation.hooks import Hooks
from shelfwise.http.instrumentation.tracing import AttemptSpan
from shelfwise.http.messages import WireRequest, WireResponse
from shelfwise.http.policy import Policy
from shelfwise.http.stats import Counters
from shelfwise.http.strategies.breaker import Outcome as Verdict
from shelfwise.http.strategies.breaker import outcome_of
from shelfwise.http.strategies.deadline import Clock, grpc_timeout
from shelfwise.http.strategies.throttle import TargetThrottle
from shelfwise.http.wire.base import Wire

_BLAMELESS = (LocalProtocolError, UnsupportedProtocol, PoolTimeout, DecodingError, ResponseTooLarge)
_BREAKS = (ConnectError, ConnectTimeout, ReadError, WriteError, RemoteProtocolError)
_TIMEOUTS = (ConnectTimeout, ReadTimeout, WriteTimeout, PoolTimeout)
_TOO_MANY_REQUESTS = 429
_OVERLOADED = frozenset({_TOO_MANY_REQUESTS, 503})
#: A timer that rings so much too late was held up, and every call under way with it.
_LATE_SECONDS = 0.1


class Sender:
    """Sends attempts, and tells the throttle and the instance's breaker, permits and load how each went."""

    def __init__(
        self,
        target: str,
        origin: str,
        policy: Policy,
        instances: InstanceSet,
        wire: Wire,
        hooks: Hooks,
        counters: Counters,
        throttle: TargetThrottle,
        clock: Clock,
    ) -> None:
        self.instances = instances
        self._target = target
        self._origin = origin
        self._slow_fraction = policy.breaker.slow_fraction
        self._wire = wire
        self._hooks = hooks
        self._counters = counters
        self._clock = clock
        self._throttle = throttle

    def pick(self, now: float, avoid: Instance | None) -> Pick | None:
        """An instance whose breaker lets an attempt through, not ``avoid`` if there is another; None: there is none.

        What is picked must be sent, or given back with :meth:`put_back`.
        """
        pick = self.instances.acquire(now, avoid)
        if pick is None:
            self._counters.refused += 1
        elif pick.instance.breaker.state(now) == "half_open":
            self._hooks.breaker_changed(self._target, pick.instance.address, "half_open")
        return pick

    def put_back(self, pick: Pick, now: float) -> None:
        self.instances.release(pick, "ignored", now, 0.0)

    async def send(self, call: Call, pick: Pick) -> Outcome:
        """One exchange with the picked instance.

        Raises DeadlineExceeded and RateLimited when there is no time or no permit to begin it.
        """
        instance = pick.instance
        if not instance.permits.try_acquire():
            await self._wait_for_permit(call, pick)
        started = self._clock()
        timeout = call.ends_at - started
        if call.attempt_timeout_seconds is not None and call.attempt_timeout_seconds < timeout:
            timeout = call.attempt_timeout_seconds
        if timeout <= 0:
            self._release(pick, "ignored", started, 0.0)
            raise DeadlineExceeded("The deadline passed before the attempt began", reason="deadline")
        self._counters.attempts += 1
        span: AttemptSpan | None = None
        try:
            if call.span is not None:
                span = call.span.attempt(instance.address)
            response = await self._wire.send(self._addressed(call, instance, timeout, span), timeout)
        except HTTPClientError as error:
            if span is not None:
                span.failed(error)
            return Outcome(instance, None, self._failed(call, pick, error, started, timeout))
        except BaseException as error:
            if span is not None:
                span.failed(error)
            now = self._clock()
            self._release(pick, "ignored", now, now - started)
            raise
        if span is not None:
            span.answered(response.status, response.http_version)
        self._answered(call, pick, response, started, timeout)
        return Outcome(instance, response, None)

    async def _wait_for_permit(self, call: Call, pick: Pick) -> None:
        """Raises when the instance's limit of concurrent calls leaves no room in time."""
        remaining = call.ends_at - self._clock()
        try:
            granted = remaining > 0 and await pick.instance.permits.acquire(remaining)
        except BaseException:
            self.put_back(pick, self._clock())
            raise
        if granted:
            return
        now = self._clock()
        self.put_back(pick, now)
        if now >= call.ends_at:
            raise DeadlineExceeded("The deadline passed while waiting for a permit", reason="deadline")
        raise RateLimited(f"Too many calls wait for {pick.instance.address}", reason="limiter")

    def _addressed(self, call: Call, instance: Instance, timeout: float, span: AttemptSpan | None) -> WireRequest:
        """The call's request as this instance gets it: its address, and the time that it has."""
        request = call.request
        headers = [*request.headers, ("grpc-timeout", grpc_timeout(timeout))]
        if span is not None:
            traced = span.headers()
            names = {name for name, _ in traced}
            headers = [pair for pair in headers if pair[0].lower() not in names] + traced
        url = request.url
        if instance.address != self._origin:
            url = instance.address + url[len(self._origin) :]
        return WireRequest(request.method, url, headers, request.body)

    def _answered(self, call: Call, pick: Pick, response: WireResponse, started: float, timeout: float) -> None:
        now = self._clock()
        elapsed = now - started
        status = response.status
        self.instances.answered(pick.instance, now, elapsed)
        dropped = status in _OVERLOADED
        if status == _TOO_MANY_REQUESTS:
            self._throttle.told_too_many(now, call.partition)
        else:
            self._throttle.answered(now, call.partition, overloaded=dropped)
        slow = elapsed > self._slow_fraction * timeout
        verdict = outcome_of(status)
        if status == 504 and _is_hurried(call, timeout):
            verdict, slow = "ignored", False
        self._release(pick, verdict, now, elapsed, slow=slow, dropped=dropped)

    def _failed(
        self, call: Call, pick: Pick, error: HTTPClientError, started: float, timeout: float
    ) -> HTTPClientError:
        """The error that the call ends with, unless another attempt mends it."""
        now = self._clock()
        verdict = _verdict(error, call, timeout, now - started)
        refused = isinstance(error, RemoteProtocolError) and error.sent == "no"
        if refused:
            self._throttle.answered(now, call.partition, overloaded=True)
        elif isinstance(error, _BREAKS) and not pick.instance.broke(started, now):
            verdict = "ignored"
        # A failure weighs as much as waiting in vain, however quickly it came.
        dropped = refused or isinstance(error, _TIMEOUTS)
        self._release(pick, verdict, now, timeout, dropped=dropped and verdict != "ignored")
        self._counters.failed(error)
        if isinstance(error, _TIMEOUTS) and now >= call.ends_at:
            return _deadline_exceeded(error)
        return error

    def _release(
        self, pick: Pick, verdict: Verdict, now: float, seconds: float, *, slow: bool = False, dropped: bool = False
    ) -> None:
        pick.instance.permits.release(seconds, dropped=dropped, ignored=verdict != "success" and not dropped)
        if self.instances.release(pick, verdict, now, seconds, slow=slow):
            state = pick.instance.breaker.state(now)
            self._hooks.breaker_changed(self._target, pick.instance.address, state)
            if state == "closed":
                self._throttle.clear()


def _verdict(error: HTTPClientError, call: Call, timeout: float, elapsed: float) -> Verdict:
    if isinstance(error, _BLAMELESS):
        return "ignored"
    if isinstance(error, _TIMEOUTS):
        if _is_hurried(call, timeout):
            return "ignored"
        if elapsed > timeout + _LATE_SECONDS:
            return "ignored"  # this process was held up itself, and the answer may long have been there
    return "failure"


def _is_hurried(call: Call, timeout: float) -> bool:
    """Whether the caller left too little time for a timeout, ours or a 504 of the peer's, to say anything of it."""
    usual = call.attempt_timeout_seconds
    return usual is not None and timeout < usual / 2


def _deadline_exceeded(error: HTTPClientError) -> DeadlineExceeded:
    exceeded = DeadlineExceeded(f"The deadline passed: {error}", sent=error.sent, reason="deadline", last_error=error)
    exceeded.__cause__ = error
    return exceeded
