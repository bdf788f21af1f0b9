"""Settings of the Inventory service. The integration document's names and defaults come first."""

from typing import Literal

from pydantic import Field

from shelfwise.platform.settings import PlatformSettings


class Settings(PlatformSettings):
    """Names are those of the environment variables; without a database URL a file in DATA_DIR is used."""

    SALES_SERVICE_URL: str = "http://localhost:5001"
    FINANCE_SERVICE_URL: str = "http://localhost:5002"
    HR_SERVICE_URL: str = "http://localhost:5003"

    HTTP_CLIENT_TIMEOUT: int = Field(default=30, ge=1, le=3600)
    HTTP_CLIENT_MAX_CONNECTIONS: int = Field(default=100, ge=1, le=10_000)
    HTTP_CLIENT_MAX_KEEPALIVE: int = Field(default=20, ge=0, le=10_000)
    HTTP_CLIENT_HTTP2: Literal["auto", "on", "off"] = "auto"
    HTTP_CLIENT_WIRE: Literal["asyncio", "rust", "httpx2"] = "asyncio"
    HTTP_CLIENT_CACHE_ENABLED: bool = True
    HTTP_CLIENT_REDIS_URL: str | None = None
    HTTP_CLIENT_RATE_PER_SECOND: float | None = Field(default=None, gt=0, le=1_000_000)
    HTTP_CLIENT_RATE_BURST: int = Field(default=10, ge=1, le=1_000_000)
    HTTP_CLIENT_CONCURRENCY: Literal["gradient2", "fixed"] = "gradient2"
    HTTP_CLIENT_HEDGING: bool = True
    HTTP_CLIENT_THROTTLE: bool = True
    HTTP_CLIENT_MAX_BODY_BYTES: int = Field(default=10 * 1024 * 1024, ge=1024)
    HTTP_CLIENT_PROXY: str | None = None
    HTTP_CLIENT_CONNECTIONS_PER_INSTANCE: int = Field(default=1, ge=1, le=64)
    HTTP_CLIENT_DNS_SERVER: str | None = None
    SALES_CALL_TIMEOUT_SECONDS: float = Field(default=2.0, gt=0, le=300)

    INVENTORY_DATABASE_URL: str = ""
    INVENTORY_MIGRATION_URL: str | None = None
    INVENTORY_RELAY_URL: str | None = None
    INVENTORY_PORT: int = Field(default=5000, ge=1, le=65535)

    @property
    def database_url(self) -> str:
        """The URL that serves: INVENTORY_DATABASE_URL, or the SQLite file ``inventory.db`` in the data directory."""
        return self.INVENTORY_DATABASE_URL or f"sqlite:///{self.DATA_DIR / 'inventory.db'}"
