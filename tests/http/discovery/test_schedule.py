"""When to look up again, and what holds meanwhile."""

from hypothesis import given
from hypothesis import strategies as st

from shelfwise.http import DiscoveryPolicy
from shelfwise.http.discovery.schedule import Schedule

POLICY = DiscoveryPolicy()


def test_the_ttl_counts_between_its_bounds():
    schedule = Schedule(POLICY)
    for ttl, due in ((0, 1), (5, 5), (3600, 60)):
        schedule.succeeded(100.0, ["a"], ttl)
        assert schedule.due_at == 100.0 + due


def test_a_failure_keeps_the_set_and_is_repeated_sooner_then_less_often():
    schedule = Schedule(POLICY)
    assert schedule.succeeded(0.0, ["b", "a", "b"], 5)
    waits = []
    for _ in range(7):
        schedule.failed(0.0)
        waits.append(schedule.due_at)
    assert (schedule.addresses, waits) == (("a", "b"), [1, 2, 4, 8, 16, 30, 30])
    assert not schedule.succeeded(0.0, ["a", "b"], 5)
    schedule.failed(0.0)
    assert schedule.due_at == 1


@given(st.lists(st.one_of(st.none(), st.lists(st.sampled_from("abc"), max_size=3)), max_size=30))
def test_once_known_there_is_always_somebody_to_ask(lookups):
    schedule, last = Schedule(POLICY), ()
    for now, found in enumerate(lookups):
        if found is None:
            schedule.failed(float(now))
        else:
            changed = schedule.succeeded(float(now), found, 1.0)
            assert changed == (bool(found) and tuple(sorted(set(found))) != last)
            last = tuple(sorted(set(found))) or last
        assert schedule.addresses == last
        assert now < schedule.due_at <= now + 60
