"""A panel checks what it is given, once, and says which field is wrong."""

from datetime import date

import numpy as np
import pytest

from shelfwise.planning.demand import Panel, calibrate, forecast


def panel(values=((1.0, 2.0),), ids=("a",), **fields):
    return Panel(ids=ids, start=date(2024, 1, 1), values=values, **fields)


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("values", lambda: panel(values=[[1.0, np.inf]])),
        ("values", lambda: panel(values=[[1.0, -1.0]])),
        ("values", lambda: panel(values=[[1e13, 1.0]])),
        ("values", lambda: panel(values=[1.0, 2.0])),
        ("values", lambda: panel(values=[["x", "y"]])),
        ("values", lambda: panel(values=np.empty((1, 0)))),
        ("ids", lambda: panel(ids=("a", "b"))),
        ("ids", lambda: panel(values=[[1.0], [2.0]], ids=("a", "a"))),
        ("start", lambda: Panel(["a"], "yesterday", [[1.0]])),
        ("in_stock", lambda: panel(in_stock=[[0.5]])),
        ("in_stock", lambda: panel(in_stock=[[0.5, 1.5]])),
        ("groups", lambda: panel(groups=[[1.5]])),
        ("groups", lambda: panel(groups=[1])),
        ("price", lambda: panel(price=[[1.0, np.inf]])),
        ("promo", lambda: panel(promo=[[1.0]])),
        ("open", lambda: panel(open=[1, 0])),
        ("open", lambda: panel(open=[True])),
        ("end_of_life", lambda: panel(end_of_life=[])),
        ("end_of_life", lambda: panel(end_of_life=["never"])),
        ("horizon", lambda: forecast(panel(), horizon=0)),
        ("horizon", lambda: forecast(panel(), horizon=366)),
        ("levels", lambda: calibrate(panel(), levels=(0.9, 0.5))),
        ("levels", lambda: calibrate(panel(), levels=())),
        ("levels", lambda: forecast(panel(), levels=(0.6,), calibration=calibrate(panel()))),
        ("calendar", lambda: calibrate(panel(), calendar={"easter": [True]})),
        ("future_price", lambda: forecast(panel(), 3, future_price=[[1.0, 2.0]])),
        ("future_promo", lambda: forecast(panel(), 2, future_promo=[[1.0, np.nan]])),
    ],
)
def test_bad_input_is_a_value_error_that_names_the_field(field, make):
    with pytest.raises(ValueError, match=f"^{field}: "):
        make()


def test_the_input_is_copied_and_the_copy_is_read_only():
    values = np.array([[1.0, 2.0]], dtype=np.float32)
    kept = panel(values=values)
    values[0, 0] = 9.0
    assert kept.values[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        kept.values[0, 0] = 9.0


def test_rows_and_until_cut_every_field():
    whole = panel(
        values=[[1.0, 2.0, 3.0], [4.0, 5.5, 6.0]],
        ids=("a", "b"),
        in_stock=np.ones((2, 3)),
        groups=[[1], [2]],
        price=np.ones((2, 3)),
        promo=np.zeros((2, 3)),
        open=[True, False, True],
        end_of_life=[None, "2024-05-01"],
    )
    part = whole.rows(slice(1, 2)).until(2)
    assert part.ids == ("b",)
    assert part.values.tolist() == [[4.0, 5.5]]
    assert part.open.tolist() == [[True, False]]
    assert part.end_of_life == (date(2024, 5, 1),)
    assert part.end == date(2024, 1, 3)
    assert not part.whole[0]
    with pytest.raises(ValueError, match=r"^days: "):
        whole.until(4)
