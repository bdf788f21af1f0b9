"""What a service's Alembic ``env.py`` runs: on the connection that ``shelfwise migrate`` opened, never on its own."""

import sqlalchemy as sa
from alembic import context

from shelfwise.platform.migrate import VERSION_TABLE


def run_migrations() -> None:
    """Runs the revisions that Alembic asks for, each service with a version table of its own."""
    attributes = context.config.attributes
    connection: sa.Connection = attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=attributes["metadata"],
        version_table=VERSION_TABLE,
        version_table_schema=attributes["service"] if connection.dialect.name == "postgresql" else None,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
