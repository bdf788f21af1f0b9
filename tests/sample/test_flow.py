from datetime import date

from shelfwise.sample.flow import HISTORY_DAYS, flows_of
from shelfwise.sample.models import SampleLine

OPENING = date(2028, 3, 1)


def line(order_id, ordered_at, quantity, kind="sale", cancels=None):
    return SampleLine(order_id, 1, ordered_at, "SKU", quantity, "1.00", kind, cancels, 1 if cancels else None)


def test_a_day_needs_the_most_that_had_left_and_not_only_its_net():
    lines = [
        line("1", "2028-02-29T09:00", 4),
        line("2", "2028-03-01T09:00", 10),
        line("3", "2028-03-01T10:00", 8, "return"),
        line("4", "2028-03-02T09:00", 3, "return"),
    ]
    flow = flows_of(["SKU"], lines, OPENING, date(2028, 3, 4))["SKU"]
    assert (flow.net, flow.peak, flow.busy) == ((2, -3, 0), (10, 0, 0), (True, True, False))
    assert flow.history == (0,) * (HISTORY_DAYS - 1) + (4,)
    assert (flow.cumulative(), flow.highest()) == ([2, -1, -1], [10, 10, 10])


def test_cancelling_an_order_from_before_the_opening_is_not_counted_on():
    lines = [line("1", "2028-02-01T09:00", 4), line("C1", "2028-03-02T09:00", 4, "cancellation", "1")]
    flow = flows_of(["SKU"], lines, OPENING, date(2028, 3, 4))["SKU"]
    assert flow.uncertain
    assert flow.net == (0, 0, 0)


def test_a_product_without_lines_has_an_empty_flow():
    flow = flows_of(["SKU"], [], OPENING, date(2028, 3, 4))["SKU"]
    assert (flow.net, flow.uncertain) == ((0, 0, 0), False)
