"""Settings of the Sales service."""

from pydantic import Field

from shelfwise.platform.settings import PlatformSettings


class SalesSettings(PlatformSettings):
    """Names are those of the environment variables; without a database URL a file in DATA_DIR is used."""

    SALES_DATABASE_URL: str = ""
    SALES_MIGRATION_URL: str | None = None
    SALES_RELAY_URL: str | None = None
    SALES_PORT: int = Field(default=5001, ge=1, le=65535)
    INVENTORY_SERVICE_URL: str = "http://localhost:5000"

    @property
    def database_url(self) -> str:
        """The URL that serves: SALES_DATABASE_URL, or the SQLite file ``sales.db`` in the data directory."""
        return self.SALES_DATABASE_URL or f"sqlite:///{self.DATA_DIR / 'sales.db'}"
