"""Runs that can be resumed, what is known of stock-outs, and leases on work of one process at a time."""

import sqlalchemy as sa
from alembic import op

from shelfwise.platform.columns import Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "in_stock_shares",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("shares", sa.LargeBinary(), nullable=False),
        sa.Column("fetched_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "product_id"),
    )
    op.create_table(
        "leases",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("ends_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "name"),
    )
    with op.batch_alter_table("forecast_runs") as runs:
        runs.add_column(sa.Column("stock_history", sa.Text(), nullable=False, server_default="none"))
        runs.alter_column("finished_at", existing_type=Instant, nullable=True)
    with op.batch_alter_table("forecast_runs") as runs:
        runs.alter_column("stock_history", existing_type=sa.Text(), server_default=None)


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM forecast_runs WHERE finished_at IS NULL"))
    with op.batch_alter_table("forecast_runs") as runs:
        runs.drop_column("stock_history")
        runs.alter_column("finished_at", existing_type=Instant, nullable=False)
    op.drop_table("leases")
    op.drop_table("in_stock_shares")
