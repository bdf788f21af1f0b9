"""The shipped extract of UCI Online Retail, read and moved to the day of loading."""

import csv
import gzip
import io
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import cast

from shelfwise.sample.models import LineKind, SampleLine, SampleProduct

#: The last day of the extract: the data set's last complete day.
LAST_DAY = date(2011, 12, 8)

_DATA = files("shelfwise.sample") / "data"


def shift_weeks(last_day: date, today: date) -> int:
    """The smallest number of whole weeks that puts ``last_day`` on or after the day before ``today``.

    Whole weeks keep every line on its weekday. Negative when ``today`` lies before the data.
    """
    days = (today - timedelta(days=1) - last_day).days
    return -(-days // 7)


def read_lines() -> list[SampleLine]:
    """All lines of the extract on their original dates, in time order."""
    packed = (_DATA / "online_retail.csv.gz").read_bytes()
    rows = csv.reader(io.StringIO(gzip.decompress(packed).decode()))
    next(rows)
    return [
        SampleLine(
            order_id,
            int(line_no),
            ordered_at,
            product,
            int(quantity),
            unit_price,
            cast("LineKind", kind),
            cancels_order_id or None,
            int(cancels_line_no) if cancels_line_no else None,
        )
        for (
            order_id,
            line_no,
            ordered_at,
            product,
            quantity,
            unit_price,
            kind,
            cancels_order_id,
            cancels_line_no,
        ) in rows
    ]


def shifted_lines(today: date) -> list[SampleLine]:
    """The lines as they stand on ``today``: moved by whole weeks, those after yesterday left out."""
    return shift_lines(read_lines(), shift_weeks(LAST_DAY, today), before=today)


def shift_lines(lines: Iterable[SampleLine], weeks: int, *, before: date) -> list[SampleLine]:
    """Move lines by whole weeks and keep those before the day ``before``. Wall times stay as they are."""
    moved: dict[str, str] = {}
    limit = before.isoformat()
    kept = []
    for line in lines:
        day = line.ordered_at[:10]
        if day not in moved:
            moved[day] = (date.fromisoformat(day) + timedelta(weeks=weeks)).isoformat()
        if moved[day] < limit:
            kept.append(line._replace(ordered_at=moved[day] + line.ordered_at[10:]))
    return kept


def read_products(supplier_ids: dict[str, str]) -> list[SampleProduct]:
    """The extract's products; ``supplier_ids`` gives the id of each simulated supplier by its name."""
    text = (_DATA / "online_retail_products.csv").read_text(encoding="utf-8")
    return [
        SampleProduct(
            product_id=row["product_id"],
            sku=row["sku"],
            name=row["name"],
            category=row["category"] or None,
            price=Decimal(row["price"]),
            unit_cost=Decimal(row["unit_cost"]),
            pack_size=int(row["pack_size"]),
            moq=int(row["moq"]),
            supplier_id=supplier_ids[row["supplier"]],
        )
        for row in csv.DictReader(io.StringIO(text))
    ]
