"""A sample's lines and products as the CSV files that the services import."""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import groupby

from shelfwise.sample.models import SampleLine, SampleTenant

LINE_COLUMNS = SampleLine._fields
PRODUCT_COLUMNS = (
    "product_id",
    "sku",
    "name",
    "category",
    "price",
    "unit_cost",
    "pack_size",
    "moq",
    "supplier",
)


def history_csv(sample: SampleTenant, lines_per_file: int = 10_000) -> Iterator[bytes]:
    """CSV files of the lines before the opening day."""
    opening = sample.opening_day.isoformat()
    return lines_csv((line for line in sample.lines if line.ordered_at < opening), lines_per_file)


def ledger_csv(sample: SampleTenant, lines_per_file: int = 10_000) -> Iterator[bytes]:
    """CSV files of the lines from the opening day on: those that move stock."""
    opening = sample.opening_day.isoformat()
    return lines_csv((line for line in sample.lines if line.ordered_at >= opening), lines_per_file)


def lines_csv(lines: Iterable[SampleLine], lines_per_file: int) -> Iterator[bytes]:
    """Complete CSV files, each with its header, in time order.

    An order is never cut in two, so a file has at least ``lines_per_file`` lines, but for the last.
    """
    batch: list[SampleLine] = []
    for _, order in groupby(lines, key=lambda line: line.order_id):
        batch.extend(order)
        if len(batch) >= lines_per_file:
            yield _encode(LINE_COLUMNS, batch)
            batch = []
    if batch:
        yield _encode(LINE_COLUMNS, batch)


def products_csv(sample: SampleTenant) -> bytes:
    """All products as one CSV file; ``supplier`` is the supplier's name."""
    names = {supplier.supplier_id: supplier.name for supplier in sample.suppliers}
    return _encode(
        PRODUCT_COLUMNS,
        (
            (
                product.product_id,
                product.sku,
                product.name,
                product.category,
                product.price,
                product.unit_cost,
                product.pack_size,
                product.moq,
                names[product.supplier_id],
            )
            for product in sample.products
        ),
    )


def _encode(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()
