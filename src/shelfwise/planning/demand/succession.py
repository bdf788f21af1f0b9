"""A product that replaces another inherits what the other sold before its own first day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand.panel import Panel


def inherit(panel: Panel, predecessors: Mapping[str, str]) -> Panel:
    """The panel in which each successor has its predecessor's days before its own first known day.

    predecessors: {id of the successor: id of its predecessor}, both in the panel. Sales, in-stock shares, prices,
    promotions and open days are inherited together; from its own first day on a product speaks for itself. A
    predecessor may have one of its own: what it inherited is handed on. Rows of predecessors stay what they were.
    Raises ``ValueError`` for an id that the panel does not have and for a product that would precede itself.
    """
    place = {name: row for row, name in enumerate(panel.ids)}
    for successor, predecessor in predecessors.items():
        for name in (successor, predecessor):
            if name not in place:
                raise ValueError(f"predecessors: {name!r} (in {successor!r}: {predecessor!r}) is not in the panel")
    order = _eldest_first(predecessors)
    known = ~np.isnan(panel.values)
    first = np.where(known.any(axis=1), known.argmax(axis=1), panel.days)

    def inherited(matrix: NDArray[Any] | None) -> NDArray[Any] | None:
        if matrix is None:
            return None
        out = matrix.copy()
        for name in order:
            row, source = place[name], place[predecessors[name]]
            out[row, : first[row]] = out[source, : first[row]]
        return out

    values = inherited(panel.values)
    assert values is not None
    return Panel(
        ids=panel.ids,
        start=panel.start,
        values=values,
        in_stock=inherited(panel.in_stock),
        groups=panel.groups,
        price=inherited(panel.price),
        promo=inherited(panel.promo),
        open=inherited(panel.open),
        end_of_life=panel.end_of_life,
    )


def _eldest_first(predecessors: Mapping[str, str]) -> list[str]:
    """Successors in an order in which every one comes after its predecessor."""
    order: list[str] = []
    done: set[str] = set()
    for start in predecessors:
        line: list[str] = []
        name = start
        while name in predecessors and name not in done:
            if name in line:
                raise ValueError(f"predecessors: {' -> '.join([*line[line.index(name) :], name])} is a circle")
            line.append(name)
            name = predecessors[name]
        order += reversed(line)
        done.update(line)
    return order
