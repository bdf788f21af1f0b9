"""Every table of Sales, and its migrations. All keys lead with the tenant.

Tables that are read by range of their key have no row id on SQLite: their rows then stand in the order of the key.
"""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shelfwise.platform.columns import Instant, Money
from shelfwise.platform.idempotency import idempotency_table
from shelfwise.platform.leases import leases_table
from shelfwise.platform.migrate import Migrations
from shelfwise.platform.outbox import outbox_table

METADATA = sa.MetaData()


def _tenant() -> "sa.Column[str]":
    return sa.Column("tenant_id", sa.Text, primary_key=True)


TENANTS = sa.Table(
    "tenants",
    METADATA,
    _tenant(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
)

PRODUCT_REFS = sa.Table(
    "product_refs",
    METADATA,
    _tenant(),
    sa.Column("product_id", sa.Text, primary_key=True),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("category", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    # The earlier of the day on which the product became known and the day of its first sale.
    sa.Column("listed_from", sa.Date, nullable=False),
    # Number of the product's last published event; its row lock gives the events their order.
    sa.Column("event_sequence", sa.BigInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)

PRODUCT_CODES = sa.Table(
    "product_codes",
    METADATA,
    _tenant(),
    sa.Column("code", sa.Text, primary_key=True),
    # 0 product_id, 1 SKU, 2 barcode, 3 alias: the order in which a code is resolved.
    sa.Column("rank", sa.Integer, primary_key=True),
    sa.Column("product_id", sa.Text, primary_key=True),
    sa.Index("ix_product_codes_product", "tenant_id", "product_id"),
    sqlite_with_rowid=False,
)

ORDERS = sa.Table(
    "orders",
    METADATA,
    _tenant(),
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("ordered_at", Instant, nullable=False),
    sa.Column("business_day", sa.Date, nullable=False),
    sa.Column("location_id", sa.Text),
    # Of the order as it was posted; null when it came line by line from a file.
    sa.Column("payload_hash", sa.LargeBinary),
    sa.Column("recorded_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)


def _line_columns() -> list[sa.Column[Any]]:
    """What a line says, resolved or not. ``entry_no`` tells apart what happened to one line, by kind."""
    return [
        _tenant(),
        sa.Column("order_id", sa.Text, primary_key=True),
        sa.Column("line_no", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("entry_no", sa.Integer, primary_key=True),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.Column("unit_price", Money, nullable=False),
        sa.Column("location_id", sa.Text),
        sa.Column("occurred_at", Instant, nullable=False),
        sa.Column("business_day", sa.Date, nullable=False),
        sa.Column("refers_order_id", sa.Text),
        sa.Column("refers_line_no", sa.Integer),
        sa.Column("resellable", sa.Boolean, nullable=False),
        sa.Column("history", sa.Boolean, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
    ]


ORDER_LINES = sa.Table(
    "order_lines",
    METADATA,
    *_line_columns(),
    sa.Column("product_id", sa.Text, nullable=False),
    sa.Index(
        "ix_order_lines_refers",
        "tenant_id",
        "refers_order_id",
        postgresql_where=sa.text("refers_order_id IS NOT NULL"),
        sqlite_where=sa.text("refers_order_id IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

UNRESOLVED_LINES = sa.Table(
    "unresolved_lines",
    METADATA,
    *_line_columns(),
    sa.Index("ix_unresolved_lines_product", "tenant_id", "product"),
    sqlite_with_rowid=False,
)

SALES_DAILY = sa.Table(
    "sales_daily",
    METADATA,
    _tenant(),
    sa.Column("product_id", sa.Text, primary_key=True),
    sa.Column("business_day", sa.Date, primary_key=True),
    # Empty text: sold at no stated location (a key column cannot be null).
    sa.Column("location_id", sa.Text, primary_key=True),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("revenue", Money, nullable=False),
    sa.Column("orders", sa.BigInteger, nullable=False),
    sa.Column("returned_quantity", sa.BigInteger, nullable=False),
    sa.Column("refunded_revenue", Money, nullable=False),
    sa.Column("last_sold_at", Instant),
    sa.Index("ix_sales_daily_day", "tenant_id", "business_day"),
    sqlite_with_rowid=False,
)

SALES_DAYS = sa.Table(
    "sales_days",
    METADATA,
    _tenant(),
    sa.Column("business_day", sa.Date, primary_key=True),
    # Distinct orders, which the rows by product cannot give.
    sa.Column("orders", sa.BigInteger, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("revenue", Money, nullable=False),
    sa.Column("returned_quantity", sa.BigInteger, nullable=False),
    sa.Column("refunded_revenue", Money, nullable=False),
    sqlite_with_rowid=False,
)

IMPORTS = sa.Table(
    "imports",
    METADATA,
    _tenant(),
    sa.Column("import_id", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("history", sa.Boolean, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("imported", sa.BigInteger, nullable=False),
    sa.Column("duplicates", sa.BigInteger, nullable=False),
    sa.Column("unresolved", sa.BigInteger, nullable=False),
    sa.Column("errors", sa.BigInteger, nullable=False),
    sa.Column("bytes_read", sa.BigInteger, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("failure", sa.Text),
)

IMPORT_ERRORS = sa.Table(
    "import_errors",
    METADATA,
    _tenant(),
    sa.Column("import_id", sa.Text, primary_key=True),
    sa.Column("line", sa.BigInteger, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
)

FORECAST_RUNS = sa.Table(
    "forecast_runs",
    METADATA,
    _tenant(),
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("input_hash", sa.LargeBinary, nullable=False),
    sa.Column("horizon", sa.Integer, nullable=False),
    sa.Column("products", sa.Integer, nullable=False),
    sa.Column("history_start", sa.Date, nullable=False),
    sa.Column("calibration_id", sa.Text, nullable=False),
    sa.Column("calibration", sa.LargeBinary, nullable=False),
    # current | stale | none: what was known of stock-outs.
    sa.Column("stock_history", sa.Text, nullable=False),
    # Null while it is under way or was broken off; it goes on where it ended.
    sa.Column("finished_at", Instant),
    sa.UniqueConstraint("tenant_id", "business_date", "input_hash", name="uq_forecast_runs_input"),
    sa.Index("ix_forecast_runs_finished", "tenant_id", "finished_at"),
)

FORECASTS = sa.Table(
    "forecasts",
    METADATA,
    _tenant(),
    sa.Column("product_id", sa.Text, primary_key=True),
    sa.Column("business_date", sa.Date, primary_key=True),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("computed_at", Instant, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Index("ix_forecasts_date", "tenant_id", "business_date"),
)

IN_STOCK_SHARES = sa.Table(
    "in_stock_shares",
    METADATA,
    _tenant(),
    sa.Column("product_id", sa.Text, primary_key=True),
    sa.Column("start", sa.Date, nullable=False),
    # See stock_history/rules.py.
    sa.Column("shares", sa.LargeBinary, nullable=False),
    sa.Column("fetched_at", Instant, nullable=False),
)

FORECAST_OVERRIDES = sa.Table(
    "forecast_overrides",
    METADATA,
    _tenant(),
    sa.Column("override_id", sa.Text, primary_key=True),
    sa.Column("product_id", sa.Text, nullable=False),
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("last_day", sa.Date, nullable=False),
    # One of the two.
    sa.Column("factor", sa.Float),
    sa.Column("units_per_day", sa.Float),
    sa.Column("reason", sa.Text, nullable=False),
    # What was expected of each of its days without it, when it was made; forecasts themselves are pruned.
    sa.Column("statistical", sa.LargeBinary, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("withdrawn_by", sa.Text),
    sa.Column("withdrawn_at", Instant),
    sa.Index("ix_forecast_overrides_product", "tenant_id", "product_id", "last_day"),
)

PROMOTIONS = sa.Table(
    "promotions",
    METADATA,
    _tenant(),
    sa.Column("promotion_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    # At most one of the two; neither: every product.
    sa.Column("product_id", sa.Text),
    sa.Column("category", sa.Text),
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("last_day", sa.Date, nullable=False),
    sa.Column("strength", sa.Float, nullable=False),
    sa.Column("price", Money),
    sa.Column("created_at", Instant, nullable=False),
    sa.Index("ix_promotions_last_day", "tenant_id", "last_day"),
)

CALENDAR_EVENTS = sa.Table(
    "calendar_events",
    METADATA,
    _tenant(),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    # event | closed
    sa.Column("kind", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

LEASES = leases_table(METADATA)

OUTBOX = outbox_table(METADATA)

IDEMPOTENCY_KEYS = idempotency_table(METADATA)

MIGRATIONS = Migrations("sales", str(Path(__file__).parent / "migrations"), METADATA)
