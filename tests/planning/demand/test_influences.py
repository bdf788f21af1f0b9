"""Events, promotions and prices: what they do is found, kept out of the baseline and put back where planned."""

import io
import json
import zipfile
from datetime import date

import numpy as np
import pytest

from shelfwise.planning.demand import Calibration, Panel, backtest, calibrate, forecast

START = date(2023, 1, 2)
DAYS, HORIZON = 420, 28


def panel_of(values, **fields):
    return Panel([f"p{i}" for i in range(len(values))], START, values, **fields)


def demand(factor, count=80, rate=4.0, seed=1):
    """Poisson sales whose mean on each day is ``rate`` times a product's share times ``factor``."""
    random = np.random.default_rng(seed)
    return random.poisson(rate * random.gamma(4.0, 0.25, (count, 1)) * np.broadcast_to(factor, (count, DAYS))) * 1.0


@pytest.fixture(scope="module")
def fairs():
    """A fair every sixth Thursday or so doubles all sales; two more are to come."""
    flags = np.zeros(DAYS + HORIZON, dtype=bool)
    flags[[20, 61, 105, 150, 192, 233, 275, 318, 360, 402, 425, 440]] = True
    return flags


def test_an_events_effect_is_found_and_put_back_on_its_coming_days(fairs):
    values = demand(np.where(fairs, 2.0, 1.0)[:DAYS])
    known = calibrate(panel_of(values), HORIZON, calendar={"fair": fairs})
    assert np.exp(known.log_effects[0, 0]) == pytest.approx(2.0, rel=0.12)
    answer = forecast(panel_of(values), HORIZON, calibration=known, calendar={"fair": fairs})
    coming = fairs[DAYS:]
    ratio = answer.mean[:, coming].mean() / answer.mean[:, ~coming].mean()
    assert ratio == pytest.approx(2.0, rel=0.15)
    assert (answer.explanation["event"][:, coming] > 0).all()
    assert (answer.explanation["event"][:, ~coming] == 0).all()


def test_an_event_on_which_nobody_buys_is_forecast_near_zero(fairs):
    values = demand(np.where(fairs, 0.0, 1.0)[:DAYS])
    answer = forecast(panel_of(values), HORIZON, calendar={"holiday": fairs})
    assert answer.mean[:, fairs[DAYS:]].mean() < 0.2 * answer.mean[:, ~fairs[DAYS:]].mean()


def test_an_event_without_effect_changes_little(fairs):
    values = demand(1.0)
    with_event = forecast(panel_of(values), HORIZON, calendar={"fair": fairs}).total_mean[:, -1]
    np.testing.assert_allclose(with_event, forecast(panel_of(values), HORIZON).total_mean[:, -1], rtol=0.03)


def test_an_event_that_the_calibration_never_saw_has_no_effect(fairs):
    panel = panel_of(demand(1.0))
    known = calibrate(panel, HORIZON)
    answer = forecast(panel, HORIZON, calibration=known, calendar={"fair": fairs})
    np.testing.assert_array_equal(answer.total, forecast(panel, HORIZON, calibration=known).total)


def test_each_category_has_its_own_effect_of_an_event(fairs):
    groups = np.repeat([[4], [9]], 40, axis=0)
    factor = np.where(fairs[:DAYS], np.where(groups == 4, 3.0, 1.0), 1.0)
    known = calibrate(panel_of(demand(factor), groups=groups), HORIZON, calendar={"fair": fairs})
    assert known.categories.tolist() == [4.0, 9.0]
    assert np.exp(known.log_effects[1, 0]) == pytest.approx(3.0, rel=0.2)
    assert np.exp(known.log_effects[2, 0]) == pytest.approx(1.0, rel=0.2)


def promoted(seed=2, count=80):
    """Promotions of a week at random, the last one running up to the final day for everybody."""
    random = np.random.default_rng(seed)
    promo = np.zeros((count, DAYS))
    for row in range(count):
        for begin in random.choice(np.arange(0, DAYS - 40, 7), 8, replace=False):
            promo[row, begin : begin + 7] = 1.0
    promo[:, -14:] = 1.0
    return promo


def test_a_promotion_is_not_learned_as_baseline():
    promo = promoted()
    panel = panel_of(demand(np.where(promo > 0, 3.0, 1.0)), promo=promo)
    answer = forecast(panel, HORIZON)
    assert answer.mean.mean() == pytest.approx(4.0, rel=0.12)
    assert (answer.explanation["promotion"] == 0).all()
    ignored = forecast(panel_of(panel.values), HORIZON)
    assert ignored.mean.mean() > 1.3 * answer.mean.mean(), "the same history without knowledge of promotions"


def test_a_planned_promotion_is_put_back_on_its_days():
    promo, plan = promoted(), np.zeros((80, HORIZON))
    plan[:, 7:14] = 1.0
    panel = panel_of(demand(np.where(promo > 0, 3.0, 1.0)), promo=promo)
    answer = forecast(panel, HORIZON, future_promo=plan)
    assert answer.mean[:, 7:14].mean() == pytest.approx(12.0, rel=0.15)
    assert answer.mean[:, :7].mean() == pytest.approx(4.0, rel=0.12)
    unplanned = forecast(panel, HORIZON)
    assert (answer.total[:, 13] >= unplanned.total[:, 13]).all()
    assert (answer.explanation["promotion"][:, 7:14] > 0).all()


def test_a_products_own_response_to_promotions_moves_it_from_the_panels():
    promo = promoted()
    factor = np.where(promo > 0, 2.0, 1.0)
    factor[0] = np.where(promo[0] > 0, 6.0, 1.0)
    answer = forecast(panel_of(demand(factor, rate=20.0), promo=promo), HORIZON, future_promo=np.ones((80, HORIZON)))
    share = answer.explanation["promotion"].sum(axis=1) / (answer.mean.sum(axis=1))
    assert share[0] > share[1:].max()


def test_the_price_elasticity_of_the_panel_is_recovered():
    random = np.random.default_rng(3)
    price = np.repeat(np.exp(random.normal(0.0, 0.25, (80, DAYS // 14))), 14, axis=1)
    panel = panel_of(demand(price**-1.8), price=price)
    known = calibrate(panel, HORIZON)
    assert known.log_effects[0, -1] == pytest.approx(-1.8, abs=0.2)
    usual = np.exp(np.log(price).mean(axis=1, keepdims=True))
    dear = forecast(panel, HORIZON, calibration=known, future_price=np.repeat(1.25 * usual, HORIZON, axis=1))
    cheap = forecast(panel, HORIZON, calibration=known, future_price=np.repeat(0.8 * usual, HORIZON, axis=1))
    assert cheap.mean.sum() / dear.mean.sum() == pytest.approx((1.25 / 0.8) ** 1.8, rel=0.15)
    assert (cheap.explanation["price"] > 0).all()
    assert (dear.explanation["price"] < 0).all()


def test_without_a_planned_price_the_last_one_stays():
    random = np.random.default_rng(3)
    price = np.repeat(np.exp(random.normal(0.0, 0.25, (80, DAYS // 14))), 14, axis=1)
    panel = panel_of(demand(price**-1.8), price=price)
    known = calibrate(panel, HORIZON)
    last = np.repeat(price[:, -1:], HORIZON, axis=1)
    np.testing.assert_allclose(
        forecast(panel, HORIZON, calibration=known).mean,
        forecast(panel, HORIZON, calibration=known, future_price=last).mean,
        rtol=1e-5,
    )


def test_the_totals_stay_covered_when_promotions_come_as_planned():
    random = np.random.default_rng(6)
    promo = (random.random((400, DAYS)) < 0.15).astype(float)
    values = demand(np.where(promo > 0, 2.5, 1.0), count=400, rate=3.0)
    answer = forecast(panel_of(values, promo=promo).until(DAYS - HORIZON), HORIZON, future_promo=promo[:, -HORIZON:])
    actual = values[:, -HORIZON:].sum(axis=1)
    for level in (0.5, 0.8, 0.9, 0.95):
        edge = answer.total[:, -1, answer.levels.index(level)]
        slack = 3.0 * np.sqrt(level * (1 - level) / 400) + 0.005
        assert (actual < edge).mean() - slack <= level <= (actual <= edge).mean() + slack
    assert answer.total_mean[:, -1].sum() == pytest.approx(actual.sum(), rel=0.04)


def test_a_backtest_is_given_the_calendar_and_the_plans_of_its_past(fairs):
    promo = promoted()
    factor = np.where(fairs[:DAYS], 0.0, 1.0) * np.where(promo > 0, 3.0, 1.0)
    values = demand(factor)
    told = backtest(panel_of(values, promo=promo), 14, 3, calendar={"fair": fairs[:DAYS]})
    untold = backtest(panel_of(values), 14, 3)
    assert told.panel.wape[-1] < 0.8 * untold.panel.wape[-1]


def test_nothing_after_the_origin_is_seen_of_promotions_and_prices():
    promo = promoted()
    panel = panel_of(demand(np.where(promo > 0, 3.0, 1.0)), promo=promo, price=1.0 + promo)
    changed = panel_of(panel.values, promo=np.where(np.arange(DAYS) < 300, promo, 1.0), price=1.0 + promo)
    first, second = forecast(panel.until(300), 14), forecast(changed.until(300), 14)
    np.testing.assert_array_equal(first.total, second.total)


def test_influences_survive_the_bytes_of_a_calibration(fairs):
    known = calibrate(panel_of(demand(1.0)), HORIZON, calendar={"fair": fairs, "other": ~fairs})
    again = Calibration.from_bytes(known.to_bytes())
    assert again.events == ("fair", "other")
    assert again.id == known.id


def test_a_calibration_that_knew_no_influences_is_still_read(fairs):
    panel = panel_of(demand(1.0, count=10))
    stored = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(calibrate(panel, HORIZON).to_bytes())) as new, zipfile.ZipFile(stored, "w") as old:
        for name in set(new.namelist()) - {"categories.npy", "log_effects.npy", "calibration.json"}:
            old.writestr(name, new.read(name))
        header = json.loads(new.read("calibration.json"))
        del header["events"], header["rate_clumping"]
        old.writestr("calibration.json", json.dumps({**header, "version": 2}))
    known = Calibration.from_bytes(stored.getvalue())
    answer = forecast(panel, HORIZON, calibration=known, calendar={"fair": fairs})
    np.testing.assert_array_equal(answer.total, forecast(panel, HORIZON).total)


@pytest.mark.parametrize("name", ["promo", "price"])
def test_a_plan_without_its_past_is_refused(name):
    with pytest.raises(ValueError, match=f"^future_{name}: give the panel its {name} of the past"):
        forecast(panel_of(np.ones((1, 40))), 2, **{f"future_{name}": [[1.0, 1.0]]})
