"""The tables that Inventory begins with."""

import sqlalchemy as sa
from alembic import op

from shelfwise.platform.columns import Instant, Money

revision = "0001"
down_revision = None


def upgrade() -> None:
    _idempotency_keys()
    _inbox()
    _inbox_rejected()
    _locations()
    _outbox()
    _policies()
    _products()
    _purchase_order_lines()
    _purchase_orders()
    _recommendations()
    _stock_balances()
    _stock_movements()
    _supplier_items()
    _suppliers()
    _tenants()


def downgrade() -> None:
    for table in (
        "idempotency_keys",
        "inbox",
        "inbox_rejected",
        "locations",
        "outbox",
        "policies",
        "products",
        "purchase_order_lines",
        "purchase_orders",
        "recommendations",
        "stock_balances",
        "stock_movements",
        "supplier_items",
        "suppliers",
        "tenants",
    ):
        op.drop_table(table)


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "subject", "route", "key"),
    )
    op.create_index("ix_idempotency_keys_expires", "idempotency_keys", ["tenant_id", "expires_at"], unique=False)


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "source", "event_id"),
    )
    op.create_index("ix_inbox_received", "inbox", ["tenant_id", "received_at"], unique=False)


def _inbox_rejected() -> None:
    op.create_table(
        "inbox_rejected",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "source", "event_id"),
    )


def _locations() -> None:
    op.create_table(
        "locations",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "location_id"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("published_at", Instant, nullable=True),
        sa.Column("available_at", Instant, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant_id", "topic", "event_id", name="uq_outbox_event"),
    )
    op.create_index(
        "ix_outbox_pending",
        "outbox",
        ["id"],
        unique=False,
        postgresql_where=sa.text("published_at IS NULL"),
        sqlite_where=sa.text("published_at IS NULL"),
    )


def _policies() -> None:
    op.create_table(
        "policies",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("service_level", sa.Float(), nullable=True),
        sa.Column("review_period_days", sa.Integer(), nullable=True),
        sa.Column("cover_days", sa.Integer(), nullable=True),
        sa.Column("max_stock", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "product_id"),
    )


def _products() -> None:
    op.create_table(
        "products",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("barcodes", sa.JSON(), nullable=False),
        sa.Column("aliases", sa.JSON(), nullable=False),
        sa.Column("price", Money, nullable=True),
        sa.Column("unit_cost", Money, nullable=True),
        sa.Column("pack_size", sa.BigInteger(), nullable=False),
        sa.Column("moq", sa.BigInteger(), nullable=False),
        sa.Column("supplier_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "product_id"),
        sa.UniqueConstraint("tenant_id", "sku", name="uq_products_sku"),
    )


def _purchase_order_lines() -> None:
    op.create_table(
        "purchase_order_lines",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("received_quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_cost", Money, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "line_no"),
    )
    op.create_index(
        "ix_purchase_order_lines_product", "purchase_order_lines", ["tenant_id", "product_id"], unique=False
    )


def _purchase_orders() -> None:
    op.create_table(
        "purchase_orders",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("supplier_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("ordered_on", sa.Date(), nullable=True),
        sa.Column("expected_on", sa.Date(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "order_id"),
    )


def _recommendations() -> None:
    op.create_table(
        "recommendations",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("needs_reorder", sa.Boolean(), nullable=False),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("urgency_rank", sa.Integer(), nullable=False),
        sa.Column("reorder_point", sa.BigInteger(), nullable=False),
        sa.Column("order_up_to_level", sa.BigInteger(), nullable=False),
        sa.Column("order_quantity", sa.BigInteger(), nullable=False),
        sa.Column("margin_at_risk", Money, nullable=True),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("computed_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "product_id", "business_date"),
    )
    op.create_index(
        "ix_recommendations_worklist",
        "recommendations",
        ["tenant_id", "business_date", "urgency_rank", "product_id"],
        unique=False,
    )


def _stock_balances() -> None:
    op.create_table(
        "stock_balances",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("on_hand", sa.BigInteger(), nullable=False),
        sa.Column("committed", sa.BigInteger(), nullable=False),
        sa.Column("unavailable", sa.BigInteger(), nullable=False),
        sa.Column("value", Money, nullable=True),
        sa.Column("opened_at", Instant, nullable=True),
        sa.Column("first_moved_on", sa.Date(), nullable=True),
        sa.Column("last_moved_on", sa.Date(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "product_id", "location_id"),
    )


def _stock_movements() -> None:
    op.create_table(
        "stock_movements",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("movement_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_location_id", sa.Text(), nullable=False),
        sa.Column("to_location_id", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_cost", Money, nullable=True),
        sa.Column("occurred_at", Instant, nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("quantity > 0", name="ck_stock_movements_quantity"),
        sa.PrimaryKeyConstraint("tenant_id", "movement_id"),
        sa.UniqueConstraint("tenant_id", "source", "event_id", "line_no", name="uq_stock_movements_event"),
    )
    op.create_index(
        "ix_stock_movements_day", "stock_movements", ["tenant_id", "product_id", "business_date"], unique=False
    )
    op.create_index(
        "ix_stock_movements_product", "stock_movements", ["tenant_id", "product_id", "movement_id"], unique=False
    )


def _supplier_items() -> None:
    op.create_table(
        "supplier_items",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("supplier_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("unit_cost", Money, nullable=True),
        sa.Column("moq", sa.BigInteger(), nullable=False),
        sa.Column("pack_size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "supplier_id", "product_id"),
    )
    op.create_index("ix_supplier_items_product", "supplier_items", ["tenant_id", "product_id"], unique=False)


def _suppliers() -> None:
    op.create_table(
        "suppliers",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("supplier_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("lead_times", sa.JSON(), nullable=False),
        sa.Column("order_weekdays", sa.JSON(), nullable=False),
        sa.Column("min_order_value", Money, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "supplier_id"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_suppliers_name"),
    )


def _tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("service_level", sa.Float(), nullable=False),
        sa.Column("review_period_days", sa.Integer(), nullable=False),
        sa.Column("cover_days", sa.Integer(), nullable=False),
        sa.Column("default_lead_time_days", sa.Integer(), nullable=False),
        sa.Column("default_location_id", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id"),
    )
