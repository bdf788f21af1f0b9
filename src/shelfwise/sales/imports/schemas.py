"""Answers of the routes about imports."""

from typing import Literal, TypedDict


class RowErrorView(TypedDict):
    """A row that was not imported: its line in the file, counted from 1 with the header, and why."""

    line: int
    reason: str


class RowErrors(TypedDict):
    items: list[RowErrorView]
    next: str | None


class ImportHead(TypedDict):
    """How far an import has come.

    ``imported`` includes the ``unresolved`` rows, whose code names no product yet; ``rows`` is the sum of
    ``imported``, ``duplicates`` (there already) and ``errors``.
    """

    import_id: str
    status: Literal["running", "finished", "failed"]
    history: bool
    rows: int
    imported: int
    duplicates: int
    unresolved: int
    errors: int
    bytes_read: int
    started_at: str
    finished_at: str | None
    failure: str | None


class ImportView(ImportHead):
    """An import with its bad rows, of which the first 1,000 are kept."""

    row_errors: RowErrors


class ImportPage(TypedDict):
    items: list[ImportHead]
    next: str | None
