"""The rest of the ledger: reservations, transfers, counts, kits, reversals, the value of a movement, the audit log."""

import sqlalchemy as sa
from alembic import op

from shelfwise.platform.columns import Instant, Money

revision = "0002"
down_revision = "0001"

_APPEND_ONLY = ("audit_log", "stock_movements")
_NEW = (
    "audit_log",
    "kit_components",
    "reservations",
    "stock_count_lines",
    "stock_counts",
    "transfer_lines",
    "transfers",
)


def upgrade() -> None:
    op.add_column("locations", sa.Column("archived_at", Instant, nullable=True))
    _stock_movements()
    _reservations()
    _transfers()
    _stock_counts()
    _kit_components()
    _audit_log()
    _refuse_changes()


def downgrade() -> None:
    _allow_changes()
    for table in _NEW:
        op.drop_table(table)
    op.drop_index("uq_stock_movements_reversal", "stock_movements")
    for column in ("value", "sequence", "reverses_movement_id"):
        op.drop_column("stock_movements", column)
    op.drop_column("locations", "archived_at")


def _stock_movements() -> None:
    op.add_column("stock_movements", sa.Column("value", Money, nullable=True))
    op.add_column("stock_movements", sa.Column("sequence", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("stock_movements", sa.Column("reverses_movement_id", sa.Text(), nullable=True))
    op.create_index(
        "uq_stock_movements_reversal", "stock_movements", ["tenant_id", "reverses_movement_id"], unique=True
    )


def _reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("reservation_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("consumed_quantity", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=True),
        sa.Column("ended_at", Instant, nullable=True),
        sa.CheckConstraint(
            "quantity > 0 AND consumed_quantity >= 0 AND consumed_quantity <= quantity",
            name="ck_reservations_quantity",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "reservation_id"),
    )
    op.create_index("ix_reservations_due", "reservations", ["tenant_id", "status", "expires_at"])
    op.create_index("ix_reservations_product", "reservations", ["tenant_id", "product_id", "status"])
    op.create_index("ix_reservations_reference", "reservations", ["tenant_id", "reference"])


def _transfers() -> None:
    op.create_table(
        "transfers",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("transfer_id", sa.Text(), nullable=False),
        sa.Column("from_location_id", sa.Text(), nullable=False),
        sa.Column("to_location_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("shipped_at", Instant, nullable=False),
        sa.Column("expected_on", sa.Date(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "transfer_id"),
    )
    op.create_table(
        "transfer_lines",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("transfer_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("received_quantity", sa.BigInteger(), nullable=False),
        sa.Column("lost_quantity", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "transfer_id", "line_no"),
    )
    op.create_index("ix_transfer_lines_product", "transfer_lines", ["tenant_id", "product_id"])


def _stock_counts() -> None:
    op.create_table(
        "stock_counts",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("count_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("counted_at", Instant, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "count_id"),
    )
    op.create_table(
        "stock_count_lines",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("count_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("expected_quantity", sa.BigInteger(), nullable=False),
        sa.Column("counted_quantity", sa.BigInteger(), nullable=False),
        sa.Column("counted_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "count_id", "line_no"),
    )
    op.create_index(
        "ix_stock_count_lines_product", "stock_count_lines", ["tenant_id", "product_id", "location_id", "counted_at"]
    )


def _kit_components() -> None:
    op.create_table(
        "kit_components",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("kit_product_id", sa.Text(), nullable=False),
        sa.Column("component_product_id", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("quantity > 0", name="ck_kit_components_quantity"),
        sa.PrimaryKeyConstraint("tenant_id", "kit_product_id", "component_product_id"),
    )
    op.create_index("ix_kit_components_component", "kit_components", ["tenant_id", "component_product_id"])


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("audit_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=True),
        sa.Column("after", sa.LargeBinary(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "audit_id"),
    )
    op.create_index("ix_audit_log_object", "audit_log", ["tenant_id", "object_type", "object_id", "audit_id"])
    op.create_index("ix_audit_log_subject", "audit_log", ["tenant_id", "subject", "audit_id"])


def _refuse_changes() -> None:
    """What is append-only stays so whoever writes to the database."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )
    for table in _APPEND_ONLY:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(
                f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            continue
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER append_only_{table}_{event.lower()} BEFORE {event} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _allow_changes() -> None:
    for table in _APPEND_ONLY:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"DROP TRIGGER append_only ON {table}")
            continue
        for event in ("update", "delete"):
            op.execute(f"DROP TRIGGER append_only_{table}_{event}")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")
