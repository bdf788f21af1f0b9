"""The form of grpc-timeout, and where a request's work may be cut off: its rules, driven through any order of events."""

import asyncio

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shelfwise.http.strategies.deadline import TRANSIT_SECONDS, grpc_timeout
from shelfwise.platform import deadline
from shelfwise.platform.deadline import CancelScope, seconds_of
from shelfwise.platform.problems import BadRequestError


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"1H", 3600),
        (b"2M", 120),
        (b"3S", 3),
        (b"1500m", 1.5),
        (b"250000u", 0.25),
        (b"99999999n", 0.099999999),
        (b"0n", 0),
        (b"00000007S", 7),
        (b"99999999H", 86400),
    ],
)
def test_a_timeout_is_digits_and_a_unit_and_a_day_at_most(header, seconds):
    assert seconds_of(header) == pytest.approx(seconds)


@pytest.mark.parametrize("header", [b"", b"1", b"S", b"1s", b"-1S", b"1.5S", b"123456789m", b" 1S", b"1S ", b"1S,1S"])
def test_any_other_form_is_malformed(header):
    with pytest.raises(BadRequestError, match="grpc-timeout"):
        seconds_of(header)


def test_the_way_there_and_back_is_subtracted_once_and_by_the_client():
    assert seconds_of(grpc_timeout(2.0).encode()) == pytest.approx(2.0 - TRANSIT_SECONDS)


def test_outside_a_request_nothing_is_cut_off_and_there_is_no_deadline():
    assert deadline.current() is None
    deadline.before_transaction()
    with deadline.committing():
        pass


class Task:
    def __init__(self):
        self.cancelled = 0

    def cancel(self):
        self.cancelled += 1


class OneRequest(RuleBasedStateMachine):
    """A request of up to three strands (as of gather), each of which reads, writes and commits."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.task = Task()
        self.scope = CancelScope(self.task, 10.0, clock=lambda: self.now)
        self.commits = []
        self.committed = False
        self.in_transaction = False
        self.raised = 0
        self.answered = False
        self.cancelled_before = 0

    def told(self):
        return self.task.cancelled + self.raised > 0

    @rule(seconds=st.floats(0, 6))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(reason=st.sampled_from(["deadline", "gone"]))
    def nobody_waits_any_more(self, reason):
        before = self.task.cancelled
        self.scope.end(reason)
        if self.commits or self.answered or (self.committed and not self.in_transaction):
            assert self.task.cancelled == before, "never in a commit, after the last one, or into an answer"
        elif not self.raised:
            assert self.task.cancelled == 1

    @rule()
    def a_transaction_begins(self):
        over = self.scope.reason is not None or self.now >= 10.0
        if self.attempt(self.scope.before_transaction, over=over):
            self.in_transaction = True

    @precondition(lambda self: self.in_transaction and len(self.commits) < 3)
    @rule()
    def a_commit_begins(self):
        commit = self.scope.committing()
        over = self.scope.reason is not None or self.now >= 10.0
        if self.attempt(commit.__enter__, over=over):
            self.commits.append(commit)
            self.committed, self.in_transaction = True, False

    @precondition(lambda self: self.commits)
    @rule()
    def a_commit_ends(self):
        self.commits.pop().__exit__(None, None, None)

    @rule()
    def the_answer_begins(self):
        self.scope.answering()
        self.answered = True

    def attempt(self, step, *, over):
        must_end = over and not self.told() and not self.answered
        try:
            step()
        except asyncio.CancelledError:
            self.raised += 1
            assert must_end
            return False
        assert not must_end
        return True

    @invariant()
    def it_is_told_once_at_most(self):
        assert self.task.cancelled + self.raised <= 1


TestOneRequest = OneRequest.TestCase
