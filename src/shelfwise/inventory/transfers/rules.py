"""A transfer between two locations: shipped whole, received in one or more parts, what never arrives is a loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from shelfwise.platform.problems import ConflictError, InvalidError

Status = Literal["in_transit", "partially_received", "received"]


@dataclass(frozen=True, slots=True)
class TransferLine:
    line_no: int
    product_id: str
    quantity: int
    received_quantity: int = 0
    lost_quantity: int = 0

    @property
    def in_transit_quantity(self) -> int:
        return self.quantity - self.received_quantity - self.lost_quantity


@dataclass(frozen=True, slots=True)
class Transfer:
    transfer_id: str
    from_location_id: str
    to_location_id: str
    shipped_at: datetime
    lines: tuple[TransferLine, ...]
    status: Status = "in_transit"
    expected_on: date | None = None
    reference: str | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a line's units now: ``received`` at the place they were sent to, ``lost`` on the way."""

    line: TransferLine
    received: int
    lost: int


def arrivals(transfer: Transfer, quantities: Mapping[str, int] | None, *, final: bool) -> list[Arrival]:
    """What a receipt does to each line. ``quantities`` by product; None: everything that is still on its way.

    ``final`` says that nothing more comes: what is missing is lost.

    Raises:
        ConflictError: the transfer is received already.
        InvalidError: a product that was not shipped, or more of it than is on its way.
    """
    if transfer.status == "received":
        raise ConflictError(f"Transfer {transfer.transfer_id!r} is received already.")
    by_product = {line.product_id: line for line in transfer.lines}
    for number, (product_id, quantity) in enumerate((quantities or {}).items()):
        if product_id not in by_product:
            raise InvalidError.of(f"lines[{number}].product_id", "was not shipped with this transfer")
        if quantity > by_product[product_id].in_transit_quantity:
            raise InvalidError.of(
                f"lines[{number}].quantity",
                f"only {by_product[product_id].in_transit_quantity} are on their way: record what is more as found",
            )
    found = []
    for line in transfer.lines:
        on_way = line.in_transit_quantity
        came = on_way if quantities is None else quantities.get(line.product_id, 0)
        arrival = Arrival(line, came, on_way - came if final else 0)
        if arrival.received or arrival.lost:
            found.append(arrival)
    return found


def arrived(transfer: Transfer, parts: Sequence[Arrival]) -> Transfer:
    """The transfer after the arrivals."""
    by_line = {part.line.line_no: part for part in parts}
    lines = tuple(
        replace(
            line,
            received_quantity=line.received_quantity + by_line[line.line_no].received,
            lost_quantity=line.lost_quantity + by_line[line.line_no].lost,
        )
        if line.line_no in by_line
        else line
        for line in transfer.lines
    )
    left = sum(line.in_transit_quantity for line in lines)
    status: Status = "partially_received" if left else "received"
    return replace(transfer, lines=lines, status=status, version=transfer.version + 1)
