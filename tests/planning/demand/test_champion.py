"""The champion: it must win to be heard, and then keeps every promise of the forecast."""

import os
import subprocess
import sys
from datetime import date

import numpy as np
import pytest

from shelfwise.planning.demand import (
    Calibration,
    ChampionMissingError,
    Panel,
    calibrate,
    champion,
    champion_fit,
    forecast,
)

START = date(2024, 1, 1)
DAYS = 420


def _usable() -> bool:
    try:
        import lightgbm  # noqa: F401, PLC0415
    except (ImportError, OSError):
        return False
    return True


pytestmark = pytest.mark.skipif(
    not _usable() and "CI" not in os.environ, reason="needs LightGBM: pip install 'shelfwise[ml]' and Debian's libgomp1"
)


def seasonal(seed: int = 0, count: int = 150) -> Panel:
    """Products that sell far more every fourth week: smoothing cannot see that coming, trees can."""
    random = np.random.default_rng(seed)
    rate = random.gamma(2.0, 1.5, (count, 1))
    week = np.arange(DAYS) // 7
    values = random.poisson(rate * np.where(week % 4 == 0, 3.0, 0.5))
    return Panel([f"P{i}" for i in range(count)], START, values.astype(np.float32))


@pytest.fixture(scope="module", autouse=True)
def _few_rounds():
    """A tenth of the trees: the promises hold for any number, and so does the pattern of four weeks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(champion_fit, "ROUNDS", 20)
        yield


@pytest.fixture(scope="module")
def panel() -> Panel:
    return seasonal()


@pytest.fixture(scope="module")
def calibration(panel: Panel) -> Calibration:
    return calibrate(panel, 30, champion=True)


def test_where_it_wins_it_is_averaged_in_and_brings_the_forecast_nearer(panel: Panel, calibration: Calibration):
    assert calibration.champion is not None
    assert max(calibration.champion.shares) >= 0.5
    ours, both = forecast(panel, 30), forecast(panel, 30, calibration=calibration)
    # The next week is a weak one or a strong one, which only the calendar of the past weeks tells.
    week = DAYS // 7
    truth = np.mean([3.0 if (week + i) % 4 == 0 else 0.5 for i in range(1)]) / (4.5 / 4)
    usual = panel.values.mean(axis=1) * 7
    error = [np.abs(answer.total_mean[:, 6] / usual - truth).mean() for answer in (ours, both)]
    assert error[1] < error[0]
    assert all(name.endswith("+lightgbm") for name in both.model)


def test_its_terms_add_up_its_quantiles_rise_and_a_row_alone_is_the_row_in_the_batch(
    panel: Panel, calibration: Calibration
):
    answer = forecast(panel, 45, calibration=calibration)
    np.testing.assert_allclose(sum(answer.explanation.values()), answer.mean, atol=1e-9)
    assert "champion" in answer.explanation
    assert (np.diff(answer.total, axis=1) >= 0).all()
    assert (np.diff(answer.total, axis=2) >= 0).all()
    assert (answer.total >= 0).all()
    assert (answer.mean >= 0).all()
    np.testing.assert_array_equal(answer.total, np.round(answer.total))
    for row in (0, 77, 149):
        alone = forecast(panel.rows(slice(row, row + 1)), 45, calibration=calibration)
        np.testing.assert_array_equal(alone.total[0], answer.total[row])
        np.testing.assert_array_equal(alone.mean[0], answer.mean[row])


def test_it_travels_with_the_calibration_and_the_same_seed_gives_the_same(panel: Panel, calibration: Calibration):
    again = Calibration.from_bytes(calibration.to_bytes())
    assert again.id == calibration.id
    np.testing.assert_array_equal(
        forecast(panel, 30, calibration=again).total, forecast(panel, 30, calibration=calibration).total
    )
    assert calibrate(panel, 30, champion=True).id == calibration.id


def test_what_comes_later_changes_nothing(panel: Panel):
    known = panel.until(350)
    later = panel.values.copy()
    later[:, 350:] = 99.0
    changed = Panel(panel.ids, panel.start, later).until(350)
    assert calibrate(known, 28, champion=True).id == calibrate(changed, 28, champion=True).id


def test_where_there_is_nothing_to_learn_it_is_not_heard():
    random = np.random.default_rng(3)
    few = Panel(["a", "b"], START, random.poisson(2.0, (2, 100)).astype(np.float32))
    calibration = calibrate(few, 28, champion=True)
    assert calibration.champion is not None
    assert set(calibration.champion.shares) == {0.0}
    np.testing.assert_array_equal(forecast(few, 28, calibration=calibration).total, forecast(few, 28).total)


def test_without_lightgbm_the_error_says_what_to_install(panel: Panel, monkeypatch: pytest.MonkeyPatch):
    def refuse(name: str):
        raise ImportError(name)

    monkeypatch.setattr(champion, "import_module", refuse)
    with pytest.raises(ChampionMissingError, match=r"pip install 'shelfwise\[ml\]'"):
        calibrate(panel, 30, champion=True)


def test_it_is_not_imported_unless_it_is_asked_for():
    script = "import sys; import shelfwise.planning.demand; sys.exit('lightgbm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
