"""What the command line asks of the ledger: its words as the services' requests, and their answers as plain values."""

from datetime import datetime
from typing import Any

import msgspec

from shelfwise.inventory.counts.schemas import CountIn, CountLineIn
from shelfwise.inventory.stock.schemas import MovementIn
from shelfwise.inventory.transfers.schemas import ArrivedLine, TransferIn, TransferLineIn, TransferReceiptIn
from shelfwise.platform.idempotency import StoredAnswer


def count(product_id: str, counted: int, location_id: str | None, reason: str, at: datetime | None) -> CountIn:
    return CountIn([CountLineIn(product_id, counted)], reason=reason, location_id=location_id, counted_at=at)


def adjustment(
    product_id: str, difference: int, location_id: str | None, reason: str, at: datetime | None
) -> MovementIn:
    return MovementIn(
        kind="adjustment",
        product_id=product_id,
        quantity=abs(difference),
        location_id=location_id,
        direction="in" if difference > 0 else "out",
        occurred_at=at,
        reason=reason,
    )


def transfer(product_id: str, units: int, source: str | None, target: str) -> TransferIn:
    return TransferIn(target, [TransferLineIn(product_id, units)], from_location_id=source)


def arrival(product_id: str | None, units: int | None) -> TransferReceiptIn:
    """Everything, unless the units of one product are told."""
    if product_id is None or units is None:
        return TransferReceiptIn()
    return TransferReceiptIn([ArrivedLine(product_id, units)])


def decoded(answer: StoredAnswer) -> dict[str, Any]:
    """The answer's body."""
    body: dict[str, Any] = msgspec.json.decode(answer.body)
    return body


def to_builtins(value: object) -> Any:  # noqa: ANN401  whatever JSON can say
    """A struct or dataclass as what ``json`` writes."""
    return msgspec.to_builtins(value)
