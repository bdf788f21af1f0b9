"""The backtest scores what was forecast without knowing the outcome."""

from datetime import date

import numpy as np
import pytest

from shelfwise.planning.demand import LEVELS, Panel, backtest, forecast

START = date(2024, 1, 1)


def make(values):
    return Panel([f"p{i}" for i in range(len(values))], START, values)


@pytest.fixture(scope="module")
def values():
    random = np.random.default_rng(9)
    return random.poisson(random.gamma(1.0, 4.0, (40, 1)) + 0.1, (40, 220)).astype(float)


def test_figures_are_those_of_forecasts_made_at_the_origins(values):
    panel = make(values)
    result = backtest(panel, 28, origins=[150, 180], days=(7,))
    error = sold = 0.0
    for origin in (150, 180):
        answer = forecast(panel.until(origin), 28)
        actual = values[:, origin : origin + 7].sum(axis=1)
        error += (answer.total_mean[:, 6] - actual).sum()
        sold += actual.sum()
    assert result.panel.days == (7, 28)
    assert result.panel.windows.tolist() == [80, 80]
    assert result.panel.bias[0] == pytest.approx(error / sold)
    assert result.products["p3"].windows.tolist() == [2, 2]
    assert sum(score.windows[0] for score in result.classes.values()) == 80


def test_a_perfect_repeat_has_no_error_and_no_skill_over_naive():
    result = backtest(make(np.tile([1.0, 2, 3, 4, 5, 6, 7], (5, 30))), 14, origins=2)
    np.testing.assert_allclose(result.panel.wape, 0.0, atol=0.03)
    np.testing.assert_allclose(result.panel.naive_wape, 0.0, atol=1e-12)


def test_on_poisson_sales_it_beats_last_weeks_sales_and_covers_as_said(values):
    result = backtest(make(values), 28, origins=3)
    assert (result.panel.skill > 0.1).all()
    at = LEVELS.index(0.9)
    assert (result.panel.below[:, at] - 0.06 <= 0.9).all()
    assert (result.panel.within[:, at] + 0.06 >= 0.9).all()


def test_windows_with_missing_days_are_not_scored(values):
    holes = values.copy()
    holes[:10, 200] = np.nan
    result = backtest(make(holes), 28, origins=[192])
    assert result.panel.windows.tolist() == [40, 30, 30]
    assert np.isnan(result.products["p0"].bias[1])


@pytest.mark.parametrize("origins", [[], [0], [200], 9])
def test_origins_without_history_or_outcome_are_refused(values, origins):
    with pytest.raises(ValueError, match=r"^origins: "):
        backtest(make(values), 28, origins=origins)
