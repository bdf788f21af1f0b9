"""HTTPClient, at the integration document's import path."""

from shelfwise.http import HTTPClient

__all__ = ["HTTPClient"]
