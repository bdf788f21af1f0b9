"""A stored forecast as it is answered."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypedDict

import numpy as np

from shelfwise.contracts.forecasts import DayDemand, DemandForecast, ExplanationTerm, TotalDemand
from shelfwise.planning.demand import LEVELS, Backtest, Panel, Score
from shelfwise.sales.forecasting.repository import RunRecord
from shelfwise.sales.forecasting.rules import (
    SHORT_HISTORY_DAYS,
    ForecastArrays,
    StoredForecast,
    measured_confidence,
    moved,
    stock_level,
)
from shelfwise.sales.overrides.service import Override, day_changes


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller wants to know of each product."""

    forecast_days: int
    service_level: float
    detail: bool
    total_days: tuple[int, ...]

    @property
    def horizon(self) -> int:
        return max(self.forecast_days, *self.total_days, 1)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a forecast comes from: its business date, its run (None: none yet) and when it was computed."""

    business_date: date
    run_id: str | None
    computed_at: datetime


class ForecastRun(TypedDict):
    """A finished run. ``repeated`` says that nothing had changed since the run of the same input.

    ``stock_history`` is ``current``; ``stale`` when Inventory had no answer and what was known before was used; or
    ``none``: days out of stock count as days without demand.
    """

    run_id: str
    business_date: str
    products: int
    horizon_days: int
    history_start: str
    calibration_id: str
    stock_history: str
    finished_at: str | None
    repeated: bool


class BacktestScore(TypedDict):
    """Totals of the first ``days`` days, over all windows of a class or of all products.

    ``bias``, ``wape`` and ``naive_wape`` are relative to sales; ``skill`` is 1 - wape / naive_wape, of the last seven
    days repeated. ``within`` and ``below``: the share of totals at most, and less than, each level's quantile.
    """

    days: int
    windows: int
    bias: float | None
    wape: float | None
    naive_wape: float | None
    skill: float | None
    within: dict[str, float | None]
    below: dict[str, float | None]


class BacktestView(TypedDict):
    """Forecasts made from past days with what was known then, and what came. ``origins`` are first forecast days."""

    origins: list[str]
    products: int
    panel: list[BacktestScore]
    classes: dict[str, list[BacktestScore]]


def backtest_view(panel: Panel, result: Backtest) -> BacktestView:
    """The backtest of a panel as it is shown."""
    return BacktestView(
        origins=[(panel.start + timedelta(days=origin)).isoformat() for origin in result.origins],
        products=len(panel),
        panel=_scores(result.panel),
        classes={name: _scores(score) for name, score in result.classes.items()},
    )


def _scores(score: Score) -> list[BacktestScore]:
    return [
        BacktestScore(
            days=days,
            windows=int(score.windows[at]),
            bias=_share(score.bias[at]),
            wape=_share(score.wape[at]),
            naive_wape=_share(score.naive_wape[at]),
            skill=_share(score.skill[at]),
            within={f"{level:g}": _share(score.within[at, j]) for j, level in enumerate(score.levels)},
            below={f"{level:g}": _share(score.below[at, j]) for j, level in enumerate(score.levels)},
        )
        for at, days in enumerate(score.days)
    ]


def _share(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def run_view(run: RunRecord, *, repeated: bool) -> ForecastRun:
    """The run as it is shown."""
    return ForecastRun(
        run_id=run.run_id,
        business_date=run.business_date.isoformat(),
        products=run.products,
        horizon_days=run.horizon,
        history_start=run.history_start.isoformat(),
        calibration_id=run.calibration_id,
        stock_history=run.stock_history,
        finished_at=None if run.finished_at is None else iso(run.finished_at),
        repeated=repeated,
    )


def demand_forecast(
    product_id: str, stored: StoredForecast, origin: Origin, asked: Asked, overrides: Sequence[Override] = ()
) -> DemandForecast:
    """The document's forecast of one product, with what stands behind it and the overrides of its days in it."""
    statistical = stored.arrays()
    relevant = [override for override in overrides if (override.first_day - origin.business_date).days < asked.horizon]
    arrays = _overridden(statistical, relevant, origin.business_date)
    last = asked.forecast_days - 1
    predicted = round(float(arrays.total_mean[last]), 2)
    confidence = measured_confidence(arrays, asked.service_level, asked.forecast_days)
    error = float(arrays.expected_error[last])
    answer = DemandForecast(
        product_id=product_id,
        forecast_days=asked.forecast_days,
        predicted_demand=predicted,
        confidence_level=None if confidence is None else round(confidence, 4),
        recommended_stock_level=stock_level(arrays, asked.service_level, asked.forecast_days),
        service_level=asked.service_level,
        confidence_windows=int(arrays.windows[last]),
        expected_error=None if np.isnan(error) else round(error, 4),
        levels=list(LEVELS),
        totals=_totals(arrays, asked.total_days or range(1, asked.forecast_days + 1)),
        model=stored.model,
        pattern=stored.pattern,
        history_days=stored.history_days,
        notes=[*_notes(stored, origin), *_override_notes(relevant)],
        business_date=origin.business_date.isoformat(),
        calibration_id=stored.calibration_id,
        as_of=iso(origin.computed_at),
    )
    if relevant:
        answer["statistical_demand"] = round(float(statistical.total_mean[last]), 2)
        answer["override_ids"] = [override.override_id for override in relevant]
    if origin.run_id is not None:
        answer["run_id"] = origin.run_id
    if asked.detail:
        answer["daily"] = _daily(arrays, asked.forecast_days, origin.business_date)
        answer["explanation"] = _explanation(arrays, asked.forecast_days, predicted)
    return answer


def _overridden(arrays: ForecastArrays, overrides: Sequence[Override], first: date) -> ForecastArrays:
    if not overrides:
        return arrays
    factors, units = day_changes(overrides, first, len(arrays.mean))
    return moved(arrays, factors, units, "override")


def _override_notes(overrides: Sequence[Override]) -> list[str]:
    return [
        f"Override from {each.first_day} to {each.last_day}: "
        + (f"x {each.factor:g}" if each.factor is not None else f"{each.units_per_day:g} a day")
        + f" ({each.reason})"
        for each in overrides
    ]


def _totals(arrays: ForecastArrays, days: Collection[int]) -> list[TotalDemand]:
    return [
        TotalDemand(
            days=day, mean=round(float(arrays.total_mean[day - 1]), 4), quantiles=_numbers(arrays.total[day - 1])
        )
        for day in sorted(set(days))
    ]


def _daily(arrays: ForecastArrays, days: int, first: date) -> list[DayDemand]:
    return [
        DayDemand(
            date=(first + timedelta(days=index)).isoformat(),
            mean=round(float(arrays.mean[index]), 4),
            quantiles=_numbers(arrays.daily[index]),
        )
        for index in range(days)
    ]


def _explanation(arrays: ForecastArrays, days: int, predicted: float) -> list[ExplanationTerm]:
    """Terms in units, rounded so that they add up to the prediction as it is answered."""
    units = {name: round(float(values[:days].sum()), 2) for name, values in arrays.terms.items()}
    largest = max(units, key=lambda name: abs(units[name]))
    units[largest] = round(predicted - sum(value for name, value in units.items() if name != largest), 2)
    return [ExplanationTerm(term=name, units=value) for name, value in units.items()]


def _notes(stored: StoredForecast, origin: Origin) -> list[str]:
    notes = []
    if stored.history_days == 0:
        notes.append("No day of history yet: what the tenant's products typically sell, with a wide margin.")
    elif stored.short_history:
        notes.append(
            f"Fewer than {SHORT_HISTORY_DAYS} days of history: mostly what the tenant's products typically sell."
        )
    if origin.run_id is None:
        notes.append("No forecast run yet: calibrated on the products asked for alone. Start one with `forecast run`.")
    notes.append(_stock_note(stored, origin.business_date))
    return notes


def _stock_note(stored: StoredForecast, today: date) -> str:
    if stored.stock_until is None:
        return "Days out of stock count as days without demand: no stock history was given."
    out = f"{stored.stock_out_days:.1f}".removesuffix(".0")
    note = f"Out of stock on {out} of the {stored.stock_days} days of which stock is known: no lack of demand."
    if stored.stock_until < today:
        note += f" From {stored.stock_until} on it is not known."
    return note


def _numbers(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> list[float]:
    rounded: Sequence[float] = np.round(values, 4).tolist()
    return list(rounded)


def iso(moment: datetime) -> str:
    """The instant as the API writes it."""
    return moment.isoformat().replace("+00:00", "Z")
