"""What a product's recent sales say about its spread, on panels whose truth is known."""

import io
import json
import zipfile
from datetime import date

import numpy as np
import pytest

from shelfwise.planning.demand import LEVELS, Calibration, Panel, calibrate, forecast

DAYS = 700


def panel_of(values):
    return Panel([f"p{i}" for i in range(len(values))], date(2023, 1, 2), values)


def switching(count, seed=1):
    """Sales that are switched off for months and on again: after a silence the next total is nothing or a full one."""
    random = np.random.default_rng(seed)
    switch = random.random((count, DAYS)) < 1.0 / 100.0
    on = (np.cumsum(switch, axis=1) + random.integers(0, 2, (count, 1))) % 2 == 0
    return random.poisson(3.0 * on).astype(float)


def seldom(count=300, seed=3):
    """Sales that are steady and so rare that their expected totals are those of a product that fell silent."""
    random = np.random.default_rng(seed)
    return random.poisson(random.uniform(0.005, 0.2, (count, 1)), (count, DAYS)).astype(float)


def steady(count, seed=2):
    random = np.random.default_rng(seed)
    return random.poisson(random.gamma(2.0, 1.0, (count, 1)), (count, DAYS)).astype(float)


def test_a_product_that_fell_silent_is_wider_than_one_that_always_sold_as_little():
    known = calibrate(panel_of(np.concatenate([switching(60), steady(240)])), 28)
    silent = np.zeros((1, DAYS))
    silent[0, :-40] = np.random.default_rng(4).poisson(3.0, DAYS - 40)
    expected = forecast(panel_of(silent), 28, calibration=known).total_mean[0, 27]
    slow = np.zeros((1, DAYS))
    slow[0, np.arange(DAYS - 1, 0, -28.0 / expected).astype(int)] = 1.0
    answer = forecast(panel_of(np.concatenate([silent, slow])), 28, calibration=known)
    np.testing.assert_allclose(answer.total_mean[1, 27], expected, rtol=0.3)
    at_95 = answer.total[:, 27, LEVELS.index(0.95)]
    assert at_95[0] > 1.5 * at_95[1]


def test_a_panel_whose_products_never_change_gives_no_effect_to_their_state():
    np.testing.assert_array_equal(calibrate(panel_of(steady(300)), 28).tails.effects, 0.0)


def test_a_small_panel_gives_no_effect_to_its_state():
    values = switching(2)
    np.testing.assert_array_equal(calibrate(panel_of(values), 28).tails.effects, 0.0)


@pytest.fixture(scope="module")
def known():
    return calibrate(panel_of(steady(40)), 14)


def rewritten(data, version, left_out=()):
    """The bytes of a calibration with another version and without some arrays."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "calibration.json":
                content = json.dumps({**json.loads(content), "version": version}).encode()
            if name not in left_out:
                new.writestr(name, content)
    return buffer.getvalue()


def test_a_calibration_of_the_first_version_is_still_read(known):
    first = Calibration.from_bytes(rewritten(known.to_bytes(), 1, ("tails.effects.npy", "early_tails.effects.npy")))
    panel = panel_of(steady(5))
    np.testing.assert_array_equal(
        forecast(panel, 14, calibration=first).total, forecast(panel, 14, calibration=known).total
    )


def test_a_calibration_of_a_later_version_is_refused(known):
    with pytest.raises(ValueError, match=r"^calibration: version 99"):
        Calibration.from_bytes(rewritten(known.to_bytes(), 99))
