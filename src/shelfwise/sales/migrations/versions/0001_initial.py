"""The tables that Sales begins with."""

import sqlalchemy as sa
from alembic import op

from shelfwise.platform.columns import Instant, Money

revision = "0001"
down_revision = None


def upgrade() -> None:
    _forecast_runs()
    _forecasts()
    _idempotency_keys()
    _import_errors()
    _imports()
    _order_lines()
    _orders()
    _outbox()
    _product_codes()
    _product_refs()
    _sales_daily()
    _sales_days()
    _tenants()
    _unresolved_lines()


def downgrade() -> None:
    for table in (
        "forecast_runs",
        "forecasts",
        "idempotency_keys",
        "import_errors",
        "imports",
        "order_lines",
        "orders",
        "outbox",
        "product_codes",
        "product_refs",
        "sales_daily",
        "sales_days",
        "tenants",
        "unresolved_lines",
    ):
        op.drop_table(table)


def _forecast_runs() -> None:
    op.create_table(
        "forecast_runs",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("input_hash", sa.LargeBinary(), nullable=False),
        sa.Column("horizon", sa.Integer(), nullable=False),
        sa.Column("products", sa.Integer(), nullable=False),
        sa.Column("history_start", sa.Date(), nullable=False),
        sa.Column("calibration_id", sa.Text(), nullable=False),
        sa.Column("calibration", sa.LargeBinary(), nullable=False),
        sa.Column("finished_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "run_id"),
        sa.UniqueConstraint("tenant_id", "business_date", "input_hash", name="uq_forecast_runs_input"),
    )
    op.create_index("ix_forecast_runs_finished", "forecast_runs", ["tenant_id", "finished_at"], unique=False)


def _forecasts() -> None:
    op.create_table(
        "forecasts",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("computed_at", Instant, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "product_id", "business_date"),
    )
    op.create_index("ix_forecasts_date", "forecasts", ["tenant_id", "business_date"], unique=False)


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


def _import_errors() -> None:
    op.create_table(
        "import_errors",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("import_id", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "import_id", "line"),
    )


def _imports() -> None:
    op.create_table(
        "imports",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("import_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("history", sa.Boolean(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("imported", sa.BigInteger(), nullable=False),
        sa.Column("duplicates", sa.BigInteger(), nullable=False),
        sa.Column("unresolved", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("finished_at", Instant, nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "import_id"),
    )


def _order_lines() -> None:
    op.create_table(
        "order_lines",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("entry_no", sa.Integer(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_price", Money, nullable=False),
        sa.Column("location_id", sa.Text(), nullable=True),
        sa.Column("occurred_at", Instant, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("refers_order_id", sa.Text(), nullable=True),
        sa.Column("refers_line_no", sa.Integer(), nullable=True),
        sa.Column("resellable", sa.Boolean(), nullable=False),
        sa.Column("history", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "line_no", "kind", "entry_no"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_order_lines_refers",
        "order_lines",
        ["tenant_id", "refers_order_id"],
        unique=False,
        postgresql_where=sa.text("refers_order_id IS NOT NULL"),
        sqlite_where=sa.text("refers_order_id IS NOT NULL"),
    )


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("ordered_at", Instant, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=True),
        sa.Column("payload_hash", sa.LargeBinary(), nullable=True),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "order_id"),
        sqlite_with_rowid=False,
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


def _product_codes() -> None:
    op.create_table(
        "product_codes",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "code", "rank", "product_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_product_codes_product", "product_codes", ["tenant_id", "product_id"], unique=False)


def _product_refs() -> None:
    op.create_table(
        "product_refs",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("listed_from", sa.Date(), nullable=False),
        sa.Column("event_sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "product_id"),
        sqlite_with_rowid=False,
    )


def _sales_daily() -> None:
    op.create_table(
        "sales_daily",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("revenue", Money, nullable=False),
        sa.Column("orders", sa.BigInteger(), nullable=False),
        sa.Column("returned_quantity", sa.BigInteger(), nullable=False),
        sa.Column("refunded_revenue", Money, nullable=False),
        sa.Column("last_sold_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "product_id", "business_day", "location_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sales_daily_day", "sales_daily", ["tenant_id", "business_day"], unique=False)


def _sales_days() -> None:
    op.create_table(
        "sales_days",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("orders", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("revenue", Money, nullable=False),
        sa.Column("returned_quantity", sa.BigInteger(), nullable=False),
        sa.Column("refunded_revenue", Money, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "business_day"),
        sqlite_with_rowid=False,
    )


def _tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id"),
    )


def _unresolved_lines() -> None:
    op.create_table(
        "unresolved_lines",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("entry_no", sa.Integer(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_price", Money, nullable=False),
        sa.Column("location_id", sa.Text(), nullable=True),
        sa.Column("occurred_at", Instant, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("refers_order_id", sa.Text(), nullable=True),
        sa.Column("refers_line_no", sa.Integer(), nullable=True),
        sa.Column("resellable", sa.Boolean(), nullable=False),
        sa.Column("history", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "line_no", "kind", "entry_no"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_unresolved_lines_product", "unresolved_lines", ["tenant_id", "product"], unique=False)
