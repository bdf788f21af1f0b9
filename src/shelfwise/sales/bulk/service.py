"""A stream of orders, one JSON object a line, booked in batches as it arrives."""

import asyncio
from collections.abc import AsyncIterable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.problems import InvalidError
from shelfwise.sales.booking.service import Booking, BookingService, LineDraft, OrderHead
from shelfwise.sales.bulk.schemas import BulkAnswer, RowError
from shelfwise.sales.lines import Line, LineSplitter
from shelfwise.sales.orders.service import NewOrder, drafts_of
from shelfwise.sales.product_refs.service import ProductRefsService, Tenant
from shelfwise.sales.uploads import BrokenOffError

_BATCH_LINES = 500
_BATCH_BYTES = 2 * 1024 * 1024
_LISTED_ERRORS = 1000
_DECODER = msgspec.json.Decoder(NewOrder)

logger = structlog.get_logger("shelfwise.bulk")


class _Posted(NamedTuple):
    line: int
    head: OrderHead
    drafts: list[LineDraft]


class BulkOrdersService:
    def __init__(
        self, product_refs: ProductRefsService, booking: BookingService, *, clock: Callable[[], datetime]
    ) -> None:
        self._product_refs = product_refs
        self._booking = booking
        self._clock = clock

    async def run(self, tenant_id: str, chunks: AsyncIterable[bytes], *, history: bool = False) -> BulkAnswer:
        """Records each order or says why not; an order is taken whole or not at all.

        Every batch is a transaction of its own. Sending the same stream again changes nothing.
        """
        tenant = await self._product_refs.tenant(tenant_id)
        answer = BulkAnswer(received=0, accepted=0, duplicates=0, rejected=0, lines=0, unresolved_lines=0, errors=[])
        splitter = LineSplitter()
        waiting: list[Line] = []
        size = 0
        try:
            async for chunk in chunks:
                for line in splitter.feed(chunk):
                    waiting.append(line)
                    size += len(line.data or b"")
                    if len(waiting) >= _BATCH_LINES or size >= _BATCH_BYTES:
                        await self._batch(tenant, waiting, answer, history=history)
                        waiting, size = [], 0
        except BrokenOffError:
            logger.info("bulk.broken_off", received=answer["received"], accepted=answer["accepted"])
            raise
        await self._batch(tenant, [*waiting, *splitter.finish()], answer, history=history)
        return answer

    async def _batch(self, tenant: Tenant, lines: Sequence[Line], answer: BulkAnswer, *, history: bool) -> None:
        posted, errors, repeated = await asyncio.to_thread(_read, lines, tenant, self._clock())
        heads = {order.head.order_id: order.head for order in posted}
        drafts = [draft for order in posted for draft in order.drafts]

        async def effect(connection: AsyncConnection) -> Booking:
            return await self._booking.book(connection, tenant, heads, drafts, history=history)

        booking = await self._booking.in_transaction(tenant.tenant_id, effect) if posted else Booking()
        errors += [
            RowError(line=order.line, reason=f"order {order.head.order_id!r} was recorded before with other values")
            for order in posted
            if order.head.order_id in booking.conflicts
        ]
        booked = {line.draft.order_id for line in booking.booked}
        answer["received"] += len(posted) + repeated + len(errors) - len(booking.conflicts)
        answer["accepted"] += len(booked)
        answer["duplicates"] += repeated + len(posted) - len(booked) - len(booking.conflicts)
        answer["rejected"] += len(errors)
        answer["lines"] += len(booking.booked)
        answer["unresolved_lines"] += booking.unresolved
        errors.sort(key=lambda error: error["line"])
        answer["errors"] += errors[: max(0, _LISTED_ERRORS - len(answer["errors"]))]


def _read(lines: Sequence[Line], tenant: Tenant, now: datetime) -> tuple[list[_Posted], list[RowError], int]:
    """Orders that can be booked, lines that cannot, and how many lines repeat an order of the same batch."""
    posted: dict[str, _Posted] = {}
    errors: list[RowError] = []
    repeated = 0
    for line in lines:
        if line.data is not None and not line.data.strip():
            continue
        try:
            head, drafts = _order(line, tenant, now)
        except ValueError as error:
            errors.append(RowError(line=line.number, reason=str(error)))
            continue
        first = posted.setdefault(head.order_id, _Posted(line.number, head, drafts))
        if first.line == line.number:
            continue
        if first.head.payload_hash == head.payload_hash:
            repeated += 1
        else:
            reason = f"order {head.order_id!r} stands on line {first.line} with other values"
            errors.append(RowError(line=line.number, reason=reason))
    return list(posted.values()), errors, repeated


def _order(line: Line, tenant: Tenant, now: datetime) -> tuple[OrderHead, list[LineDraft]]:
    if line.data is None:
        raise ValueError("the line is too long")
    try:
        head, drafts = drafts_of(_DECODER.decode(line.data), tenant, now)
    except UnicodeDecodeError as error:
        raise ValueError("is not valid UTF-8") from error
    except msgspec.ValidationError as error:
        raise ValueError(f"is not a valid order: {error}") from error
    except msgspec.DecodeError as error:
        raise ValueError(f"is not JSON: {error}") from error
    except InvalidError as error:
        raise ValueError(error.detail) from error
    return head, [draft._replace(source=line.number) for draft in drafts]
