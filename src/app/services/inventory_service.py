"""InventoryService, at the integration document's import path."""

from shelfwise.inventory.service import InventoryService

__all__ = ["InventoryService"]
