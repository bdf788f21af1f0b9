"""Every table of Inventory, and its migrations. All keys lead with the tenant."""

from pathlib import Path

import sqlalchemy as sa

from shelfwise.platform.audit import audit_table
from shelfwise.platform.columns import Instant, Money
from shelfwise.platform.idempotency import idempotency_table
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
    sa.Column("service_level", sa.Float, nullable=False),
    sa.Column("review_period_days", sa.Integer, nullable=False),
    sa.Column("cover_days", sa.Integer, nullable=False),
    sa.Column("default_lead_time_days", sa.Integer, nullable=False),
    sa.Column("default_location_id", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
)

LOCATIONS = sa.Table(
    "locations",
    METADATA,
    _tenant(),
    sa.Column("location_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    # stock | transit | supplier | customer | loss | opening: only the first two hold stock.
    sa.Column("kind", sa.Text, nullable=False),
    # Archived: history stays, nothing more can be brought there.
    sa.Column("archived_at", Instant),
)

PRODUCTS = sa.Table(
    "products",
    METADATA,
    _tenant(),
    sa.Column("product_id", sa.Text, primary_key=True),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("category", sa.Text),
    sa.Column("barcodes", sa.JSON, nullable=False),
    sa.Column("aliases", sa.JSON, nullable=False),
    sa.Column("price", Money),
    sa.Column("unit_cost", Money),
    sa.Column("pack_size", sa.BigInteger, nullable=False),
    sa.Column("moq", sa.BigInteger, nullable=False),
    sa.Column("supplier_id", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.UniqueConstraint("tenant_id", "sku", name="uq_products_sku"),
)

SUPPLIERS = sa.Table(
    "suppliers",
    METADATA,
    _tenant(),
    sa.Column("supplier_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    # Pairs of days and probability.
    sa.Column("lead_times", sa.JSON, nullable=False),
    # Monday = 0; empty: every day.
    sa.Column("order_weekdays", sa.JSON, nullable=False),
    sa.Column("min_order_value", Money),
    sa.Column("min_order_units", sa.BigInteger),
    # In the tenant's time zone; null: the end of the day.
    sa.Column("cut_off", sa.Time),
    # ISO dates.
    sa.Column("closed_dates", sa.JSON, nullable=False, server_default="[]"),
    # calendar | working
    sa.Column("lead_time_unit", sa.Text, nullable=False, server_default="calendar"),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("tenant_id", "name", name="uq_suppliers_name"),
)

SUPPLIER_ITEMS = sa.Table(
    "supplier_items",
    METADATA,
    _tenant(),
    sa.Column("supplier_id", sa.Text, primary_key=True),
    sa.Column("product_id", sa.Text, primary_key=True),
    sa.Column("unit_cost", Money),
    sa.Column("moq", sa.BigInteger, nullable=False),
    sa.Column("pack_size", sa.BigInteger, nullable=False),
    sa.Index("ix_supplier_items_product", "tenant_id", "product_id"),
)

STOCK_MOVEMENTS = sa.Table(
    "stock_movements",
    METADATA,
    _tenant(),
    # Rises with the time of recording.
    sa.Column("movement_id", sa.Text, primary_key=True),
    sa.Column("product_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("from_location_id", sa.Text, nullable=False),
    sa.Column("to_location_id", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("unit_cost", Money),
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("line_no", sa.Integer, nullable=False),
    sa.Column("reference", sa.Text),
    sa.Column("reason", sa.Text),
    # Store value that moved; null: no cost was known.
    sa.Column("value", Money),
    # Rises within a product in the order in which its balances took the movements; 0: recorded before there was one.
    sa.Column("sequence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("reverses_movement_id", sa.Text),
    sa.CheckConstraint("quantity > 0", name="ck_stock_movements_quantity"),
    sa.UniqueConstraint("tenant_id", "source", "event_id", "line_no", name="uq_stock_movements_event"),
    sa.Index("ix_stock_movements_product", "tenant_id", "product_id", "movement_id"),
    sa.Index("ix_stock_movements_day", "tenant_id", "product_id", "business_date"),
    # A movement is reversed at most once.
    sa.Index("uq_stock_movements_reversal", "tenant_id", "reverses_movement_id", unique=True),
)

STOCK_BALANCES = sa.Table(
    "stock_balances",
    METADATA,
    _tenant(),
    sa.Column("product_id", sa.Text, primary_key=True),
    sa.Column("location_id", sa.Text, primary_key=True),
    sa.Column("on_hand", sa.BigInteger, nullable=False),
    sa.Column("committed", sa.BigInteger, nullable=False),
    sa.Column("unavailable", sa.BigInteger, nullable=False),
    # Store value at moving-average cost; null while no cost is known.
    sa.Column("value", Money),
    # Sales dated before this instant are history and move nothing; null: no opening balance yet.
    sa.Column("opened_at", Instant),
    sa.Column("first_moved_on", sa.Date),
    sa.Column("last_moved_on", sa.Date),
    sa.Column("version", sa.BigInteger, nullable=False),
)

RESERVATIONS = sa.Table(
    "reservations",
    METADATA,
    _tenant(),
    sa.Column("reservation_id", sa.Text, primary_key=True),
    sa.Column("product_id", sa.Text, nullable=False),
    sa.Column("location_id", sa.Text, nullable=False),
    # order: counts as committed; set_aside: counts as unavailable.
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("consumed_quantity", sa.BigInteger, nullable=False),
    # held | consumed | released | expired
    sa.Column("status", sa.Text, nullable=False),
    # The order whose sale consumes it.
    sa.Column("reference", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    # Null: until it is released.
    sa.Column("expires_at", Instant),
    sa.Column("ended_at", Instant),
    sa.CheckConstraint(
        "quantity > 0 AND consumed_quantity >= 0 AND consumed_quantity <= quantity", name="ck_reservations_quantity"
    ),
    sa.Index("ix_reservations_due", "tenant_id", "status", "expires_at"),
    sa.Index("ix_reservations_product", "tenant_id", "product_id", "status"),
    sa.Index("ix_reservations_reference", "tenant_id", "reference"),
)

TRANSFERS = sa.Table(
    "transfers",
    METADATA,
    _tenant(),
    sa.Column("transfer_id", sa.Text, primary_key=True),
    sa.Column("from_location_id", sa.Text, nullable=False),
    sa.Column("to_location_id", sa.Text, nullable=False),
    # in_transit | partially_received | received
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("shipped_at", Instant, nullable=False),
    sa.Column("expected_on", sa.Date),
    sa.Column("reference", sa.Text),
    sa.Column("version", sa.BigInteger, nullable=False),
)

TRANSFER_LINES = sa.Table(
    "transfer_lines",
    METADATA,
    _tenant(),
    sa.Column("transfer_id", sa.Text, primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True),
    sa.Column("product_id", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("received_quantity", sa.BigInteger, nullable=False),
    sa.Column("lost_quantity", sa.BigInteger, nullable=False),
    sa.Index("ix_transfer_lines_product", "tenant_id", "product_id"),
)

STOCK_COUNTS = sa.Table(
    "stock_counts",
    METADATA,
    _tenant(),
    sa.Column("count_id", sa.Text, primary_key=True),
    sa.Column("location_id", sa.Text, nullable=False),
    sa.Column("counted_at", Instant, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

STOCK_COUNT_LINES = sa.Table(
    "stock_count_lines",
    METADATA,
    _tenant(),
    sa.Column("count_id", sa.Text, primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True),
    sa.Column("product_id", sa.Text, nullable=False),
    sa.Column("location_id", sa.Text, nullable=False),
    # What the ledger had at the instant of the count, and what was there.
    sa.Column("expected_quantity", sa.BigInteger, nullable=False),
    sa.Column("counted_quantity", sa.BigInteger, nullable=False),
    sa.Column("counted_at", Instant, nullable=False),
    sa.Index("ix_stock_count_lines_product", "tenant_id", "product_id", "location_id", "counted_at"),
)

KIT_COMPONENTS = sa.Table(
    "kit_components",
    METADATA,
    _tenant(),
    sa.Column("kit_product_id", sa.Text, primary_key=True),
    sa.Column("component_product_id", sa.Text, primary_key=True),
    # Units of the component in one kit.
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.CheckConstraint("quantity > 0", name="ck_kit_components_quantity"),
    sa.Index("ix_kit_components_component", "tenant_id", "component_product_id"),
)

PURCHASE_ORDERS = sa.Table(
    "purchase_orders",
    METADATA,
    _tenant(),
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("supplier_id", sa.Text, nullable=False),
    # draft | submitted | partially_received | received | cancelled
    sa.Column("status", sa.Text, nullable=False),
    # A draft has no dates.
    sa.Column("ordered_on", sa.Date),
    sa.Column("expected_on", sa.Date),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
)

PURCHASE_ORDER_LINES = sa.Table(
    "purchase_order_lines",
    METADATA,
    _tenant(),
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True),
    sa.Column("product_id", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("received_quantity", sa.BigInteger, nullable=False),
    sa.Column("unit_cost", Money),
    sa.Index("ix_purchase_order_lines_product", "tenant_id", "product_id"),
)

POLICIES = sa.Table(
    "policies",
    METADATA,
    _tenant(),
    sa.Column("product_id", sa.Text, primary_key=True),
    # Null: the tenant's.
    sa.Column("service_level", sa.Float),
    sa.Column("review_period_days", sa.Integer),
    sa.Column("cover_days", sa.Integer),
    sa.Column("max_stock", sa.BigInteger),
)

RECOMMENDATIONS = sa.Table(
    "recommendations",
    METADATA,
    _tenant(),
    sa.Column("product_id", sa.Text, primary_key=True),
    sa.Column("business_date", sa.Date, primary_key=True),
    sa.Column("needs_reorder", sa.Boolean, nullable=False),
    sa.Column("urgency", sa.Text, nullable=False),
    # 0 critical ... 4 none, so that the most urgent come first by the index.
    sa.Column("urgency_rank", sa.Integer, nullable=False),
    sa.Column("reorder_point", sa.BigInteger, nullable=False),
    sa.Column("order_up_to_level", sa.BigInteger, nullable=False),
    sa.Column("order_quantity", sa.BigInteger, nullable=False),
    sa.Column("margin_at_risk", Money),
    # The whole recommendation as JSON.
    sa.Column("document", sa.LargeBinary, nullable=False),
    sa.Column("computed_at", Instant, nullable=False),
    sa.Index("ix_recommendations_worklist", "tenant_id", "business_date", "urgency_rank", "product_id"),
)

INBOX = sa.Table(
    "inbox",
    METADATA,
    _tenant(),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    # applied | before_opening
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Index("ix_inbox_received", "tenant_id", "received_at"),
)

INBOX_REJECTED = sa.Table(
    "inbox_rejected",
    METADATA,
    _tenant(),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
)

OUTBOX = outbox_table(METADATA)

IDEMPOTENCY_KEYS = idempotency_table(METADATA)

AUDIT_LOG = audit_table(METADATA)

#: ``inbox_rejected`` is counted over all tenants by ``/health``, with the relay's role.
MIGRATIONS = Migrations(
    "inventory",
    str(Path(__file__).parent / "migrations"),
    METADATA,
    relay_tables=("outbox", "tenants", "inbox_rejected"),
)
