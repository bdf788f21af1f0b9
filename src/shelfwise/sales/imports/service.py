"""Sales from a CSV: streamed, booked in batches, each batch with its progress in one transaction.

Importing the same file again changes nothing: rows that are there already are counted as duplicates.
"""

import asyncio
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal, cast
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.database import Database
from shelfwise.platform.problems import InvalidError, NotFoundError
from shelfwise.sales.booking.service import BookingService, LineDraft, OrderHead
from shelfwise.sales.imports.repository import ImportRecord, ImportsRepository
from shelfwise.sales.imports.rules import BadRow, HeaderError, Row, RowReader, read_header
from shelfwise.sales.imports.schemas import ImportHead, ImportPage, ImportView, RowErrors, RowErrorView
from shelfwise.sales.lines import Line, LineSplitter
from shelfwise.sales.product_refs.service import ProductRefsService, Tenant
from shelfwise.sales.uploads import BrokenOffError

__all__ = ["ImportProgress", "ImportService", "ImportView"]

MAX_KEPT_ERRORS = 1000
_BATCH_LINES = 2000
_READ_BYTES = 256 * 1024

#: Called after each batch with the import as it stands.
ImportProgress = Callable[[ImportHead], None]

logger = structlog.get_logger("shelfwise.imports")


class ImportService:
    def __init__(
        self,
        database: Database,
        product_refs: ProductRefsService,
        booking: BookingService,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._product_refs = product_refs
        self._booking = booking
        self._clock = clock

    def now(self) -> datetime:
        """The instant that rows are judged by."""
        return self._clock()

    async def run_file(
        self, tenant_id: str, path: Path, *, history: bool = False, progress: ImportProgress | None = None
    ) -> ImportView:
        """Imports a file; see ``run``. Raises OSError when it cannot be read."""
        return await self.run(tenant_id, _chunks_of(path), history=history, progress=progress)

    async def run(
        self,
        tenant_id: str,
        chunks: AsyncIterable[bytes],
        *,
        history: bool = False,
        progress: ImportProgress | None = None,
    ) -> ImportView:
        """Imports a CSV as it arrives. ``history`` books without telling Inventory: its stock does not move.

        Raises:
            InvalidError: the first line names no table of order lines; nothing was imported.
            TenantNotSetUpError: Sales does not know the tenant.
        """
        tenant = await self._product_refs.tenant(tenant_id)
        running = _Running(self, tenant, history=history, progress=progress)
        try:
            async for chunk in chunks:
                await running.feed(chunk)
            await running.finish()
        except (Exception, asyncio.CancelledError) as error:
            await running.fail(error)
            raise
        return await self.view(tenant_id, running.record.import_id)

    async def view(self, tenant_id: str, import_id: str, *, cursor: int = 0, limit: int = 100) -> ImportView:
        """An import with a page of its bad rows.

        Raises:
            NotFoundError: no such import.
        """
        await self._product_refs.tenant(tenant_id)
        async with self._database.read(tenant_id) as connection:
            repository = ImportsRepository(connection, tenant_id)
            record = await repository.get(import_id)
            if record is None:
                raise NotFoundError(f"There is no import {import_id!r}.")
            bad = await repository.errors(import_id, after=cursor, limit=limit + 1)
        items = [RowErrorView(line=row.line, reason=row.reason) for row in bad[:limit]]
        following = str(items[-1]["line"]) if len(bad) > limit else None
        return ImportView(**head_of(record), row_errors=RowErrors(items=items, next=following))

    async def page(self, tenant_id: str, *, cursor: str | None, limit: int) -> ImportPage:
        """The tenant's imports, the newest first."""
        await self._product_refs.tenant(tenant_id)
        async with self._database.read(tenant_id) as connection:
            records = await ImportsRepository(connection, tenant_id).page(before=cursor, limit=limit + 1)
        items = [head_of(record) for record in records[:limit]]
        return ImportPage(items=items, next=items[-1]["import_id"] if len(records) > limit else None)

    async def begin(self, tenant: Tenant, *, history: bool) -> ImportRecord:
        """Notes that an import has begun. Its id rises with time."""
        now = self._clock()
        import_id = f"{int(now.timestamp() * 1000):012x}{secrets.token_hex(4)}"
        record = ImportRecord(import_id, "running", history, 0, 0, 0, 0, 0, 0, now)
        async with self._database.write(tenant.tenant_id) as connection:
            await ImportsRepository(connection, tenant.tenant_id).add(record)
        return record

    async def book(self, tenant: Tenant, record: ImportRecord, rows: list[Row], bad: list[BadRow]) -> ImportRecord:
        """Books one batch and notes the progress, in one transaction."""
        drafts = [LineDraft(*row) for row in rows]
        heads: dict[str, OrderHead] = {}
        for draft in drafts:
            if draft.order_id not in heads:
                heads[draft.order_id] = OrderHead(
                    draft.order_id, draft.occurred_at, draft.business_day, draft.location_id, None
                )

        async def effect(connection: AsyncConnection) -> ImportRecord:
            booking = await self._booking.book(connection, tenant, heads, drafts, history=record.history)
            errors = sorted([*bad, *(BadRow(problem.source, problem.reason) for problem in booking.problems)])
            after = replace(
                record,
                rows=record.rows + len(rows) + len(bad),
                imported=record.imported + len(booking.booked),
                duplicates=record.duplicates + booking.duplicates,
                unresolved=record.unresolved + booking.unresolved,
                errors=record.errors + len(errors),
            )
            repository = ImportsRepository(connection, tenant.tenant_id)
            await repository.add_errors(record.import_id, errors[: max(0, MAX_KEPT_ERRORS - record.errors)])
            await repository.update(after)
            return after

        return await self._booking.in_transaction(tenant.tenant_id, effect)

    async def end(self, tenant: Tenant, record: ImportRecord, status: str, failure: str | None) -> ImportRecord:
        """Notes that an import has ended."""
        record = replace(record, status=status, failure=failure, finished_at=self._clock())
        async with self._database.write(tenant.tenant_id) as connection:
            await ImportsRepository(connection, tenant.tenant_id).update(record)
        return record


class _Running:
    """One import on its way: lines become batches, batches are booked."""

    def __init__(
        self, service: ImportService, tenant: Tenant, *, history: bool, progress: ImportProgress | None
    ) -> None:
        self._service = service
        self._tenant = tenant
        self._history = history
        self._progress = progress
        self._splitter = LineSplitter()
        self._reader: RowReader | None = None
        self._lines: list[Line] = []
        self._record: ImportRecord | None = None
        self._bytes = 0

    @property
    def record(self) -> ImportRecord:
        assert self._record is not None, "an import has a record from its header on"
        return self._record

    async def feed(self, chunk: bytes) -> None:
        self._bytes += len(chunk)
        await self._take(self._splitter.feed(chunk))

    async def finish(self) -> None:
        await self._take(self._splitter.finish())
        if self._reader is None:
            raise InvalidError.of("body", "the file is empty")
        await self._book_batch(self._lines)
        self._record = await self._service.end(self._tenant, self.record, "finished", None)
        self._tell()

    async def fail(self, error: BaseException) -> None:
        """Keeps what is booked and says that the rest is missing; the same file can simply be sent again."""
        if self._record is None:
            return
        log = logger.info if isinstance(error, BrokenOffError) else logger.warning
        log("import.failed", import_id=self._record.import_id, reason=type(error).__name__)
        self._record = await self._service.end(
            self._tenant, self._record, "failed", "The import stopped before its end. Send the same file again."
        )

    async def _take(self, lines: list[Line]) -> None:
        if self._reader is None:
            if not lines:
                return
            self._reader = _reader(lines.pop(0), self._tenant, self._service.now())
            self._record = await self._service.begin(self._tenant, history=self._history)
        self._lines += lines
        while len(self._lines) >= _BATCH_LINES:
            batch, self._lines = self._lines[:_BATCH_LINES], self._lines[_BATCH_LINES:]
            await self._book_batch(batch)

    async def _book_batch(self, lines: list[Line]) -> None:
        assert self._reader is not None, "batches come after the header"
        rows, bad = await asyncio.to_thread(self._reader.read, lines)
        before = replace(self.record, bytes_read=self._bytes)
        self._record = await self._service.book(self._tenant, before, rows, bad)
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(head_of(self.record))


def head_of(record: ImportRecord) -> ImportHead:
    """An import as a caller sees it."""
    return ImportHead(
        import_id=record.import_id,
        status=cast('Literal["running", "finished", "failed"]', record.status),
        history=record.history,
        rows=record.rows,
        imported=record.imported,
        duplicates=record.duplicates,
        unresolved=record.unresolved,
        errors=record.errors,
        bytes_read=record.bytes_read,
        started_at=_iso(record.started_at),
        finished_at=None if record.finished_at is None else _iso(record.finished_at),
        failure=record.failure,
    )


def _reader(first: Line, tenant: Tenant, now: datetime) -> RowReader:
    try:
        return RowReader(read_header(first.data or b""), ZoneInfo(tenant.time_zone), now, tenant.pinned)
    except HeaderError as error:
        raise InvalidError.of("body", str(error)) from error


async def _chunks_of(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, _READ_BYTES):
            yield chunk


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
