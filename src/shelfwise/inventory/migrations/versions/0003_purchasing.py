"""Supplier calendars: cut-off, closed dates, the unit of lead times, a minimum in units."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("suppliers", sa.Column("min_order_units", sa.BigInteger(), nullable=True))
    op.add_column("suppliers", sa.Column("cut_off", sa.Time(), nullable=True))
    op.add_column("suppliers", sa.Column("closed_dates", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("suppliers", sa.Column("lead_time_unit", sa.Text(), server_default="calendar", nullable=False))


def downgrade() -> None:
    for column in ("lead_time_unit", "closed_dates", "cut_off", "min_order_units"):
        op.drop_column("suppliers", column)
