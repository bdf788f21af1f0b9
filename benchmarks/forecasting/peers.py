"""The libraries that a team would take instead, each as its documentation uses it for daily retail sales.

A peer gives the mean of each day and quantiles of the totals of 7, 14 and 28 days. AutoETS gives totals itself, by 200
simulated paths. For the others, who give none, the deviations of so many days' sums from their mean, over the series'
last 364 days, are added to the sum of the point forecasts.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from benchmarks.forecasting.metrics import LENGTHS, LEVELS

F = NDArray[np.float64]
Progress = Callable[[int, int], None]
WEEK, YEAR, PATHS = 7, 364, 200
#: What peers get to see: as many days as served them best on M5. The automatic models choose worse from two years.
AUTO_DAYS, MODEL_DAYS = 400, 728
#: What the libraries raise for series with fewer days than their models have parameters. Then the mean is their answer.
_TOO_SHORT = (NotImplementedError, KeyError, ValueError, ZeroDivisionError)
_LAGS, _WINDOWS = (1, 7, 14, 28), (7, 28)


@dataclass(frozen=True, slots=True)
class Answer:
    """mean (n, H): units a day. totals: quantiles at ``LEVELS`` (n, q) of the first so many days."""

    mean: F
    totals: dict[int, F]


Peer = Callable[[F, date, int, Progress], Answer]


def _known(row: F) -> F:
    listed = np.flatnonzero(~np.isnan(row))
    return np.nan_to_num(row[listed[0] :]) if len(listed) else np.zeros(1)


def _deviation_totals(history: F, mean: F) -> dict[int, F]:
    totals = {}
    for days in LENGTHS:
        out = np.zeros((len(history), len(LEVELS)))
        for i, row in enumerate(history):
            running = np.concatenate([[0.0], np.cumsum(_known(row)[-YEAR:])])
            sums = running[days:] - running[:-days] if len(running) > days else np.zeros(1)
            out[i] = mean[i, :days].sum() + np.quantile(sums - sums.mean(), LEVELS)
        totals[days] = np.maximum(out, 0.0)
    return totals


def _forecast_mean(make: Callable[[], object], known: F, horizon: int) -> F:
    try:
        return np.asarray(make().forecast(y=known, h=horizon)["mean"])  # type: ignore[attr-defined]
    except _TOO_SHORT:
        return np.full(horizon, known.mean())


def _univariate(make: Callable[[], object], days: int) -> Peer:
    """A model of statsforecast, series by series in this process."""

    def forecast(history: F, first: date, horizon: int, progress: Progress) -> Answer:  # noqa: ARG001 - a peer's face
        mean = np.zeros((len(history), horizon))
        for i, row in enumerate(history):
            mean[i] = _forecast_mean(make, _known(row)[-days:], horizon)
            progress(i + 1, len(history))
        mean = np.maximum(np.nan_to_num(mean), 0.0)
        return Answer(mean, _deviation_totals(history, mean))

    return forecast


def _auto_ets(history: F, first: date, horizon: int, progress: Progress) -> Answer:  # noqa: ARG001 - a peer's face
    from statsforecast.models import AutoETS  # noqa: PLC0415 - heavy, and only where peers are asked

    mean = np.zeros((len(history), horizon))
    totals = {days: np.zeros((len(history), len(LEVELS))) for days in LENGTHS}
    for i, row in enumerate(history):
        known = _known(row)[-AUTO_DAYS:]
        try:
            model = AutoETS(season_length=WEEK).fit(y=known)
        except _TOO_SHORT:
            mean[i] = known.mean()
            for days, quantiles in _deviation_totals(history[i : i + 1], mean[i : i + 1]).items():
                totals[days][i] = quantiles[0]
        else:
            mean[i] = model.predict(h=horizon)["mean"]
            paths = np.maximum(model.simulate(h=horizon, n_paths=PATHS, seed=0), 0.0)
            for days in LENGTHS:
                totals[days][i] = np.quantile(paths[:, :days].sum(axis=1), LEVELS)
        progress(i + 1, len(history))
    return Answer(np.maximum(np.nan_to_num(mean), 0.0), totals)


def _mlforecast(history: F, first: date, horizon: int, progress: Progress) -> Answer:
    """One LightGBM model over all series, Tweedie loss, lags and rolling means: mlforecast's own example for M5."""
    import lightgbm  # noqa: PLC0415 - heavy, and only where peers are asked
    import pandas as pd  # noqa: PLC0415
    from mlforecast import MLForecast  # noqa: PLC0415
    from mlforecast.lag_transforms import RollingMean  # noqa: PLC0415

    days = min(history.shape[1], MODEL_DAYS)
    dates = pd.date_range(end=pd.Timestamp(first) - pd.Timedelta(days=1), periods=days)
    ids = np.repeat(np.arange(len(history)), days)
    frame = pd.DataFrame({"unique_id": ids, "ds": np.tile(dates, len(history)), "y": history[:, -days:].ravel()})
    frame = frame.dropna()
    model = lightgbm.LGBMRegressor(
        objective="tweedie", n_estimators=400, learning_rate=0.05, num_leaves=63, num_threads=1, verbosity=-1
    )
    forecaster = MLForecast(
        models={"lgb": model},
        freq="D",
        lags=list(_LAGS),
        lag_transforms={1: [RollingMean(window) for window in _WINDOWS], 7: [RollingMean(28)]},
        date_features=["dayofweek", "month", "day"],
    )
    forecaster.fit(frame, static_features=[])
    table = forecaster.predict(horizon).pivot_table(index="unique_id", columns="ds", values="lgb")
    mean = np.zeros((len(history), horizon))
    mean[table.index.to_numpy()] = np.maximum(table.to_numpy(np.float64), 0.0)
    progress(len(history), len(history))
    return Answer(mean, _deviation_totals(history, mean))


def peers(names: Iterable[str] | None = None) -> dict[str, Peer]:
    """The peers by name, all or those asked for.

    Raises:
        ValueError: there is no peer of that name.
    """
    from statsforecast import models  # noqa: PLC0415 - heavy, and only where peers are asked

    known: dict[str, Peer] = {
        "AutoETS": _auto_ets,
        "AutoCES": _univariate(lambda: models.AutoCES(season_length=WEEK), AUTO_DAYS),
        "AutoTheta": _univariate(lambda: models.AutoTheta(season_length=WEEK), AUTO_DAYS),
        "ADIDA": _univariate(models.ADIDA, MODEL_DAYS),
        "TSB": _univariate(lambda: models.TSB(alpha_d=0.1, alpha_p=0.1), MODEL_DAYS),
        "mlforecast": _mlforecast,
    }
    if names is None:
        return known
    asked = list(names)
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise ValueError(f"No peer {', '.join(unknown)}: there are {', '.join(known)}")
    return {name: known[name] for name in asked}
