import math

from hypothesis import given
from hypothesis import strategies as st

from shelfwise.http import BudgetPolicy
from shelfwise.http.strategies.budget import RetryBudget


def test_an_idle_client_may_retry_thirty_times_in_a_window_and_gets_them_back():
    budget = RetryBudget(BudgetPolicy())
    assert sum(budget.spend(0, "") for _ in range(100)) == 30
    assert not budget.spend(9.9, "")
    assert sum(budget.spend(10.0, "") for _ in range(100)) == 30


def test_calls_pay_for_a_fifth_of_their_number():
    budget = RetryBudget(BudgetPolicy(reserve_per_second=0))
    for _ in range(100):
        budget.call(0, "")
    assert sum(budget.spend(1, "") for _ in range(100)) == 20


def test_one_partition_cannot_spend_the_whole_budget_once_another_calls():
    budget = RetryBudget(BudgetPolicy())
    budget.call(0, "a")
    budget.call(0, "b")
    assert sum(budget.spend(0, "a") for _ in range(100)) == 15
    assert sum(budget.spend(0, "b") for _ in range(100)) == 15


def test_a_lone_partition_may_spend_it_all():
    budget = RetryBudget(BudgetPolicy())
    budget.call(0, "a")
    assert sum(budget.spend(0, "a") for _ in range(100)) == 30


@given(
    st.lists(st.tuples(st.floats(0, 3), st.integers(0, 30), st.integers(0, 60), st.sampled_from("abc")), max_size=60)
)
def test_retries_never_exceed_a_fifth_of_the_calls_and_the_reserve_of_the_windows(steps):
    policy = BudgetPolicy()
    budget = RetryBudget(policy)
    now, calls, retries = 0.0, 0, 0
    for pause, called, wanted, partition in steps:
        now += pause
        for _ in range(called):
            budget.call(now, partition)
        calls += called
        retries += sum(budget.spend(now, partition) for _ in range(wanted))
        windows = math.floor(now / policy.window_seconds) + 1
        assert retries <= policy.ratio * calls + windows * policy.reserve_per_second * policy.window_seconds


@given(st.integers(1, 500))
def test_its_memory_is_bounded_by_its_retries_whatever_the_number_of_partitions(partitions: int):
    budget = RetryBudget(BudgetPolicy())
    for number in range(partitions):
        budget.call(0, str(number))
        budget.spend(0, str(number))
    assert len(budget._spent_by) <= 30 + partitions * 0.2
