"""What planners know beside the sales: overrides of forecasts, promotions, and the days of the calendar."""

import sqlalchemy as sa
from alembic import op

from shelfwise.platform.columns import Instant, Money

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _forecast_overrides()
    _promotions()
    op.create_table(
        "calendar_events",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "day", "name"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("calendar_events", "promotions", "forecast_overrides"):
        op.drop_table(table)


def _forecast_overrides() -> None:
    op.create_table(
        "forecast_overrides",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("override_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("factor", sa.Float(), nullable=True),
        sa.Column("units_per_day", sa.Float(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("statistical", sa.LargeBinary(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "override_id"),
    )
    op.create_index(
        "ix_forecast_overrides_product", "forecast_overrides", ["tenant_id", "product_id", "last_day"], unique=False
    )


def _promotions() -> None:
    op.create_table(
        "promotions",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("promotion_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("strength", sa.Float(), nullable=False),
        sa.Column("price", Money, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "promotion_id"),
    )
    op.create_index("ix_promotions_last_day", "promotions", ["tenant_id", "last_day"], unique=False)
