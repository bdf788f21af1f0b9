"""The demo's sample data: a shipped extract of real sales, and what is simulated around it."""

from shelfwise.sample.csv_files import history_csv, ledger_csv, products_csv
from shelfwise.sample.documented_tenant import documented_tenant
from shelfwise.sample.models import (
    SampleLine,
    SampleMovement,
    SampleOpenOrder,
    SampleOpenOrderLine,
    SampleProduct,
    SampleSupplier,
    SampleTenant,
)
from shelfwise.sample.online_retail import demo_tenant

__all__ = [
    "SampleLine",
    "SampleMovement",
    "SampleOpenOrder",
    "SampleOpenOrderLine",
    "SampleProduct",
    "SampleSupplier",
    "SampleTenant",
    "demo_tenant",
    "documented_tenant",
    "history_csv",
    "ledger_csv",
    "products_csv",
]
