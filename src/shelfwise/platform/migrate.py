"""Schema migrations and, on PostgreSQL, the roles and policies that isolate tenants.

``*_MIGRATION_URL`` owns the schema. ``*_DATABASE_URL`` serves: neither owner nor able to bypass row-level security.
``*_RELAY_URL`` reads ``outbox`` and ``tenants`` of every tenant and nothing else. With one URL alone, that role does
all three; row-level security is forced, so it holds for the owner too, except on the two tables that the relay reads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine

from shelfwise.platform.database import Database, driver_url

VERSION_TABLE = "schema_version"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Migrations:
    """A service's migrations: the package folder, its tables, and the schema they live in on PostgreSQL.

    ``relay_tables`` are those that the relay's role reads for every tenant.
    """

    service: str
    script_location: str
    metadata: sa.MetaData
    relay_tables: tuple[str, ...] = ("outbox", "tenants")


@dataclass(frozen=True, slots=True)
class MigrationUrls:
    """Who owns, who serves, who relays; missing ones fall back on the one that serves."""

    database: str
    migration: str | None = None
    relay: str | None = None

    @property
    def owner(self) -> str:
        return self.migration or self.database


async def upgrade(migrations: Migrations, urls: MigrationUrls) -> None:
    """Brings the schema to the newest revision and (re)applies grants and policies. Safe to repeat."""
    await _with_connection(urls.owner, lambda connection: _upgrade(connection, migrations, urls))


async def current_revision(migrations: Migrations, url: str) -> str | None:
    """The revision that the database is at, or None for an empty one."""
    return await _with_connection(url, lambda connection: _revision(connection, migrations))


async def drift(migrations: Migrations, url: str) -> list[str]:
    """How the migrated schema differs from the tables that the code declares; empty when they agree."""
    return await _with_connection(url, lambda connection: _differences(connection, migrations))


async def served_revision(database: Database) -> str | None:
    """The revision that the serving connections see; one read on the service's own pool."""
    async with database.read(None) as connection:
        if not await connection.run_sync(lambda sync: sa.inspect(sync).has_table(VERSION_TABLE)):
            return None
        revision: str | None = await connection.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608  a constant
        return revision


def head_revision(migrations: Migrations) -> str | None:
    """The newest revision that this version of the code knows."""
    return ScriptDirectory.from_config(_config(migrations)).get_current_head()


async def role_warnings(url: str) -> list[str]:
    """What is unsafe about the role that serves; empty on SQLite."""
    if driver_url(url).drivername.startswith("sqlite"):
        return []
    return await _with_connection(url, _role_warnings)


def _role_warnings(connection: sa.Connection) -> list[str]:
    row = connection.exec_driver_sql("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user").one()
    if row.rolsuper or row.rolbypassrls:
        return ["The serving role is a superuser or bypasses row-level security: tenants are kept apart by code alone."]
    return []


def _config(migrations: Migrations) -> Config:
    config = Config()
    config.set_main_option("script_location", migrations.script_location)
    config.set_main_option("path_separator", "os")
    config.attributes["metadata"] = migrations.metadata
    config.attributes["service"] = migrations.service
    return config


def _upgrade(connection: sa.Connection, migrations: Migrations, urls: MigrationUrls) -> None:
    if connection.dialect.name == "postgresql":
        # Two processes that start together must not migrate at once.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock(hashtext('shelfwise-{migrations.service}'))")
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {_quoted(migrations.service)}")
        connection.exec_driver_sql(f"SET LOCAL search_path TO {_quoted(migrations.service)}")
    config = _config(migrations)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if connection.dialect.name == "postgresql":
        _isolate_tenants(connection, migrations, urls)


def _revision(connection: sa.Connection, migrations: Migrations) -> str | None:
    options = {"version_table": VERSION_TABLE}
    if connection.dialect.name == "postgresql":
        options["version_table_schema"] = migrations.service
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def _isolate_tenants(connection: sa.Connection, migrations: Migrations, urls: MigrationUrls) -> None:
    schema = _quoted(migrations.service)
    serving = _quoted(driver_url(urls.database).username or "postgres")
    relay = _quoted(driver_url(urls.relay or urls.database).username or "postgres")
    run = connection.exec_driver_sql
    for role in {serving, relay}:
        run(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    run(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {serving}")
    run(f"GRANT SELECT ON {schema}.{VERSION_TABLE} TO {serving}")
    for table in migrations.metadata.sorted_tables:
        name = f"{schema}.{_quoted(table.name)}"
        run(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {serving}")
        if "tenant_id" not in table.c:
            continue
        run(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        run(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        run(f"DROP POLICY IF EXISTS tenant_isolation ON {name}")
        condition = "tenant_id = current_setting('app.tenant_id', true)"
        run(f"CREATE POLICY tenant_isolation ON {name} USING ({condition}) WITH CHECK ({condition})")
        if table.name in migrations.relay_tables:
            run(f"DROP POLICY IF EXISTS relay ON {name}")
            run(f"CREATE POLICY relay ON {name} TO {relay} USING (true) WITH CHECK (true)")
            privileges = "SELECT, UPDATE, DELETE" if table.name == "outbox" else "SELECT"
            run(f"GRANT {privileges} ON {name} TO {relay}")


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


async def _with_connection(url: str, work: Callable[[sa.Connection], T]) -> T:
    engine = create_async_engine(driver_url(url), poolclass=sa.pool.NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _differences(connection: sa.Connection, migrations: Migrations) -> list[str]:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL search_path TO {_quoted(migrations.service)}")
    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": VERSION_TABLE,
            "compare_type": True,
            "include_object": lambda _object, name, kind, _reflected, _other: (kind, name) != ("table", VERSION_TABLE),
        },
    )
    return [repr(difference) for difference in compare_metadata(context, migrations.metadata)]
