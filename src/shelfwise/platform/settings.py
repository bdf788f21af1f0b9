"""Settings that both services share; each service's ``config`` module extends them.

Settings are read once, when a service is composed, and passed down; nothing below reads the environment.
"""

import os
import secrets
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

#: HS256 wants a key at least as long as its hash (RFC 7518, section 3.2).
MIN_SECRET_BYTES = 32
_GENERATED = "auth-secret"


class SettingsError(Exception):
    """A service cannot start with these settings; the message says which one and what to do."""


class PlatformSettings(BaseSettings):
    """Names are those of the environment variables. Instances are frozen."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, env_file=".env", env_file_encoding="utf-8"
    )

    ENVIRONMENT: Literal["development", "production"] = "development"
    DATA_DIR: Path = Path("shelfwise-data")
    HOST: str = "127.0.0.1"
    ALLOWED_HOSTS: list[str] = Field(default_factory=lambda: ["localhost", "127.0.0.1", "[::1]"])
    DRAIN_SECONDS: float = Field(default=5.0, ge=0, le=300)
    MAX_BODY_BYTES: int = Field(default=10 * 1024 * 1024, ge=1024)
    MAX_IMPORT_BYTES: int = Field(default=512 * 1024 * 1024, ge=1024)
    LOG_LEVEL: Literal["debug", "info", "warning", "error"] = "info"
    LOG_FORMAT: Literal["json", "console"] = "json"
    OPS_PUBLIC: bool = False

    AUTH_SECRET: SecretStr | None = None
    AUTH_SECRET_FILE: Path | None = None
    AUTH_JWKS_URL: str | None = None
    AUTH_ISSUER: str | None = None
    AUTH_AUDIENCE: str = "shelfwise"
    AUTH_TENANT_CLAIM: str = "tenant_id"
    AUTH_TENANTS_CLAIM: str = "tenants"
    AUTH_SCOPE_CLAIM: str = "scope"
    AUTH_DEFAULT_SCOPES: str = ""
    SERVICE_TOKEN_URL: str | None = None
    SERVICE_CLIENT_ID: str | None = None
    SERVICE_CLIENT_SECRET_FILE: Path | None = None

    DATABASE_POOL_SIZE: int = Field(default=10, ge=1, le=200)
    DATABASE_BUSY_TIMEOUT_SECONDS: float = Field(default=5.0, gt=0, le=60)

    @model_validator(mode="after")
    def _one_way_to_authenticate(self) -> Self:
        if self.AUTH_SECRET is not None and self.AUTH_SECRET_FILE is not None:
            raise ValueError("Set AUTH_SECRET or AUTH_SECRET_FILE, not both.")
        return self


def shared_secret(settings: PlatformSettings) -> str | None:
    """The HS256 secret, or None when tokens are verified by AUTH_JWKS_URL alone.

    In development a missing secret is generated once and kept in the data directory, mode 0600, so that both
    services and the command line agree on it.

    Raises:
        SettingsError: in production, when there is neither a strong secret nor a JWKS URL.
    """
    secret = _configured_secret(settings)
    if secret is None and settings.AUTH_JWKS_URL is None:
        if settings.ENVIRONMENT == "production":
            raise SettingsError(
                "No way to verify tokens: set AUTH_SECRET or AUTH_SECRET_FILE (at least 32 random bytes, for example "
                "from `openssl rand -hex 32`), or AUTH_JWKS_URL of your identity provider."
            )
        return generated_secret(settings.DATA_DIR)
    if secret is not None and (len(secret.encode()) < MIN_SECRET_BYTES or len(set(secret)) < 8):
        raise SettingsError(
            "AUTH_SECRET is weak: use at least 32 random bytes, for example from `openssl rand -hex 32`."
        )
    return secret


def _configured_secret(settings: PlatformSettings) -> str | None:
    if settings.AUTH_SECRET is not None:
        return settings.AUTH_SECRET.get_secret_value()
    if settings.AUTH_SECRET_FILE is not None:
        try:
            return settings.AUTH_SECRET_FILE.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"AUTH_SECRET_FILE {settings.AUTH_SECRET_FILE}: {error.strerror}.") from error
    return None


def has_generated_secret(data_dir: Path) -> bool:
    """Whether the data directory has a secret of its own already."""
    return (data_dir / _GENERATED).exists()


def generated_secret(data_dir: Path) -> str:
    """The data directory's own secret, made on first use; two processes that race agree on one."""
    path = data_dir / _GENERATED
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    candidate = path.with_name(f".auth-secret.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(32).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        # A hard link fails when the name exists, so a reader never sees a half-written secret.
        os.link(candidate, path)
    except FileExistsError:
        pass
    finally:
        candidate.unlink()
    return path.read_text(encoding="utf-8").strip()
