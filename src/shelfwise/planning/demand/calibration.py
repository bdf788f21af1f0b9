"""What a panel knows about itself: the numbers that turn a product's history into a calibrated distribution."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand.champion import Champion
from shelfwise.planning.demand.conditions import SIGNS
from shelfwise.planning.demand.influences import NO_INFLUENCES, Influences

F = NDArray[np.float64]
VERSION = 3
READABLE = (1, 2, 3)
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99)
MIN_WINDOWS = 20
MEAN_FLOOR = 1e-9


@dataclass(frozen=True, eq=False)
class Tails:
    """Standardised errors of totals by expected total and length of window.

    log_mean: (C,) evenly spaced centres of expected total in units, two or more. log_scale: (C,) log root mean squared
    error there.
    days: (G,). effects: (2, SIGNS) of a product's state on log variance, and their slopes in log days.
    z: (G, C, q) quantiles of (actual - mean) / (scale x own dispersion x widening by state).
    """

    log_mean: F
    log_scale: F
    days: F
    effects: F
    z: F

    def scale(self, mean: F) -> F:
        """Root mean squared error of a total with this mean; below and above the table Poisson- and ratio-like."""
        position = self._position(mean)
        lower, share = self._cell(position)
        inner = self.log_scale[lower] + share * (self.log_scale[lower + 1] - self.log_scale[lower])
        low = np.minimum(position, 0.0) * (self._step / 2.0)
        high = np.maximum(position - (len(self.log_mean) - 1), 0.0) * self._step
        return np.asarray(np.exp(inner + low + high))

    def at(self, days: F) -> F:
        """(D, C, q) standardised quantiles for windows of ``days`` (D,): linear in log days between those measured."""
        position = np.interp(np.log(days), np.log(self.days), np.arange(len(self.days)))
        below = np.minimum(position.astype(np.intp), max(len(self.days) - 2, 0))
        above = np.minimum(below + 1, len(self.days) - 1)
        share = (position - below)[:, None, None]
        return np.asarray(self.z[below] + share * (self.z[above] - self.z[below]))

    def quantiles(self, mean: F, spread: F, days: F) -> F:
        """(D, ..., q) quantiles of totals with mean and spread (D, ...) over ``days`` (D,), before rounding.

        ``spread`` is the scale times own dispersion and the state's widening.
        """
        out = self.standardised(mean, days)
        out *= spread[..., None]
        out += mean[..., None]
        return out

    def standardised(self, mean: F, days: F) -> F:
        """(D, ..., q) standardised quantiles of totals with mean (D, ...) over ``days`` (D,)."""
        table = self.at(days)
        lower, share = self._cell(self._position(mean))
        row = np.arange(len(mean)).reshape(-1, *[1] * (mean.ndim - 1))
        out = table[row, lower]
        out += share[..., None] * (table[row, lower + 1] - out)
        return np.asarray(out)

    @property
    def _step(self) -> float:
        return float(self.log_mean[1] - self.log_mean[0])

    def _position(self, mean: F) -> F:
        return np.asarray((np.log(np.maximum(mean, MEAN_FLOOR)) - self.log_mean[0]) / self._step)

    def _cell(self, position: F) -> tuple[NDArray[np.intp], F]:
        inside = np.clip(position, 0.0, len(self.log_mean) - 1.0)
        lower = np.minimum(inside.astype(np.intp), len(self.log_mean) - 2)
        return lower, inside - lower


@dataclass(frozen=True, eq=False)
class Calibration:
    """Immutable result of ``calibrate``; ``to_bytes`` and ``from_bytes`` keep it to the bit, without pickle.

    weekday: (7,) the panel's factor from Monday to Sunday. rate_mean, rate_shape, rate_clumping: gamma prior of daily
    rates (see ``Prior``); group_rates: (categories, 2) category and its mean rate. merit: (K,) relative error of the
    memories.
    events, categories, log_effects: what events, promotions and prices do (see ``Influences``).
    drift: actual over expected of the panel's recent four-week totals, damped: what its means were short of.
    tails: fitted on all windows (their quantiles know the drift already);
    early_tails: fitted on the windows that closed before ``split_weeks`` before the end, by which coverage of later
    windows is measured. class_hits (patterns, G, q), class_windows (patterns, G): that measurement;
    class_error (patterns, G, 2): sum of absolute errors and of sales. champion: what LightGBM learned, if asked to.
    """

    version: int
    horizon: int
    levels: tuple[float, ...]
    split_weeks: int
    weekday: F
    rate_mean: float
    rate_shape: float
    rate_clumping: float
    group_rates: F
    merit: F
    events: tuple[str, ...]
    categories: F
    log_effects: F
    drift: float
    tails: Tails
    early_tails: Tails
    class_hits: F
    class_windows: F
    class_error: F
    champion: Champion | None = None

    @property
    def days(self) -> F:
        """(G,) lengths of window that were measured."""
        return self.tails.days

    @property
    def influences(self) -> Influences:
        return Influences(self.events, self.categories, self.log_effects)

    @property
    def windows(self) -> NDArray[np.int64]:
        """(G,) later windows of the whole panel, by length, from which coverage was measured."""
        return np.asarray(self.class_windows.sum(axis=0), dtype=np.int64)

    @cached_property
    def id(self) -> str:
        """Name that changes when any number in the calibration does."""
        return sha256(self.to_bytes()).hexdigest()[:16]

    def to_bytes(self) -> bytes:
        """A stored zip of plain arrays with a JSON header; equal calibrations give equal bytes."""
        header: dict[str, Any] = {}
        arrays: dict[str, F] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Tails):
                arrays |= {f"{item.name}.{part.name}": getattr(value, part.name) for part in fields(value)}
            elif isinstance(value, np.ndarray):
                arrays[item.name] = value
            elif item.name == "champion":
                continue
            else:
                header[item.name] = value
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            _store(archive, "calibration.json", json.dumps(header, sort_keys=True).encode())
            for name in sorted(arrays):
                content = io.BytesIO()
                np.lib.format.write_array(content, np.ascontiguousarray(arrays[name]), allow_pickle=False)
                _store(archive, f"{name}.npy", content.getvalue())
            if self.champion is not None:
                _store(archive, "champion", self.champion.to_bytes())
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Calibration:
        """The calibration that ``to_bytes`` of a version in ``READABLE`` wrote.

        Raises ``ValueError`` for anything else.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                header = json.loads(archive.read("calibration.json"))
                if "champion" in archive.namelist():
                    header["champion"] = Champion.from_bytes(archive.read("champion"))
                arrays = {
                    name.removesuffix(".npy"): np.lib.format.read_array(
                        io.BytesIO(archive.read(name)), allow_pickle=False
                    )
                    for name in archive.namelist()
                    if name.endswith(".npy")
                }
            if header["version"] not in READABLE:
                raise ValueError(f"calibration: version {header['version']}, this code reads {READABLE}")
            if header["version"] < 2:  # knew nothing of states
                arrays |= {f"{name}.effects": np.zeros((2, SIGNS)) for name in ("tails", "early_tails")}
            if header["version"] < 3:  # knew nothing of events, promotions and prices
                header |= {"events": (), "rate_clumping": 1.0}
                arrays |= {"categories": NO_INFLUENCES.categories, "log_effects": NO_INFLUENCES.log_effects}
            for name in ("levels", "events"):
                header[name] = tuple(header[name])
            content: dict[str, Any] = {**header, **{name: a for name, a in arrays.items() if "." not in name}}
            for name in ("tails", "early_tails"):
                content[name] = Tails(**{part.name: arrays[f"{name}.{part.name}"] for part in fields(Tails)})
            return cls(**content)
        except (zipfile.BadZipFile, KeyError, TypeError, UnicodeDecodeError) as error:
            raise ValueError("calibration: these bytes are not a calibration") from error


def _store(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # A fixed time stamp: equal calibrations are equal bytes.
    archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
