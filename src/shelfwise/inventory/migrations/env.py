"""Run by ``shelfwise migrate``."""

from shelfwise.platform.migration_env import run_migrations

run_migrations()
