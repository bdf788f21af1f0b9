"""SalesServiceClient, at the integration document's import path."""

from shelfwise.inventory.clients.sales import SalesServiceClient

__all__ = ["SalesServiceClient"]
