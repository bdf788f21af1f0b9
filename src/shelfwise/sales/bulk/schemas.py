"""The answer to a stream of orders."""

from typing import TypedDict


class RowError(TypedDict):
    """A line of the stream that is not recorded, counted from 1, and why."""

    line: int
    reason: str


class BulkAnswer(TypedDict):
    """What became of a stream of orders.

    ``received`` = ``accepted`` + ``duplicates`` (recorded before, just so) + ``rejected``; ``errors`` lists the first
    1,000 of these. ``lines`` and ``unresolved_lines`` count the order lines of the accepted.
    """

    received: int
    accepted: int
    duplicates: int
    rejected: int
    lines: int
    unresolved_lines: int
    errors: list[RowError]
