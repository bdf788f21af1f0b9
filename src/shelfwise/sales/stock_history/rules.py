"""In-stock shares of business days in the compact form that is stored: pure."""

import zlib
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

#: Shares are kept to four decimals, as Inventory gives them.
_SCALE, _UNKNOWN = 10_000, 65_535
#: Movements may be entered late: so many days are asked for again.
RECHECK_DAYS = 28

F = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shares:
    """The in-stock share, 0 to 1, of each day from ``start``; NaN where no ledger says."""

    start: date
    values: F

    @property
    def end(self) -> date:
        """The first day that is not covered."""
        return self.start + timedelta(days=len(self.values))

    def pack(self) -> bytes:
        """The bytes of :attr:`values`."""
        whole = np.where(np.isnan(self.values), _UNKNOWN, np.round(np.nan_to_num(self.values) * _SCALE))
        return zlib.compress(whole.astype("<u2").tobytes(), level=1)

    @classmethod
    def unpack(cls, start: date, packed: bytes) -> "Shares":
        """What :meth:`pack` made."""
        whole = np.frombuffer(zlib.decompress(packed), dtype="<u2")
        return cls(start, np.where(whole == _UNKNOWN, np.nan, whole / _SCALE).astype(np.float32))

    def followed_by(self, newer: "Shares") -> "Shares":
        """These up to where ``newer`` begins, then ``newer``; days between the two are unknown."""
        if newer.start <= self.start:
            return newer
        gap = max((newer.start - self.end).days, 0)
        kept = self.values[: (newer.start - self.start).days]
        return Shares(self.start, np.concatenate([kept, np.full(gap, np.nan, np.float32), newer.values]))

    def between(self, start: date, end: date) -> F:
        """The shares of ``start <= day < end``; NaN outside of what is known."""
        out = np.full((end - start).days, np.nan, dtype=np.float32)
        first, last = max(start, self.start), min(end, self.end)
        if first < last:
            values = self.values[(first - self.start).days : (last - self.start).days]
            out[(first - start).days : (last - start).days] = values
        return out


def asked_from(known_until: date | None, start: date, end: date) -> date:
    """The first day to ask for: everything from ``start``, or the last weeks where the rest is known."""
    if known_until is None:
        return start
    return max(start, min(known_until, end) - timedelta(days=RECHECK_DAYS))
