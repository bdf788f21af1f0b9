"""Settings, at the integration document's import path."""

from shelfwise.inventory.config import Settings

__all__ = ["Settings"]
