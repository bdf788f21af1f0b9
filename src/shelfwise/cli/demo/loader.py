"""Loads a sample tenant through the services' ordinary doors, as any user would: imports, movements, orders."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rich.progress import Progress

from shelfwise.cli.demo.api import Api, component
from shelfwise.cli.demo.errors import DemoError
from shelfwise.cli.services import open_inventory, open_sales
from shelfwise.inventory.tenants.rules import TenantSettings
from shelfwise.sample import SampleMovement, SampleOpenOrder, SampleTenant, history_csv, ledger_csv, products_csv

_WAIT_SECONDS = 60.0
_MOVEMENTS_PER_CALL = 1000


async def load(sample: SampleTenant, api: Api, data_dir: Path, progress: Progress) -> None:
    """Everything of the tenant, in the order in which it happened: catalogue, history, stock, then sales.

    Raises:
        DemoError: a service refused something, or did not get there in a minute.
    """
    history, ledger = list(history_csv(sample)), list(ledger_csv(sample))
    movement_calls = list(_batches(sample.movements))
    steps = len(sample.suppliers) + 2 + len(history) + len(ledger) + len(movement_calls) + len(sample.open_orders)
    task = progress.add_task(f"{sample.tenant_id}: catalogue", total=steps)

    def step(label: str | None = None) -> None:
        progress.update(task, advance=1)
        if label is not None:
            progress.update(task, description=f"{sample.tenant_id}: {label}")

    await _catalogue(sample, api, data_dir, step)
    for number, csv in enumerate(history):
        await api.sales("POST", "/api/sales/imports?history=true", csv=csv, key=f"history-{number}")
        step("sales before the ledger begins")
    for number, movements in enumerate(movement_calls):
        await api.inventory(
            "POST", "/api/inventory/stock-movements", json={"movements": movements}, key=f"movements-{number}"
        )
        step("stock (simulated)")
    for order in sample.open_orders:
        await api.inventory("POST", "/api/inventory/purchase-orders", json=_purchase_order(order), key=order.reference)
        step("orders under way (simulated)")
    for number, csv in enumerate(ledger):
        await api.sales("POST", "/api/sales/imports", csv=csv, key=f"ledger-{number}")
        step("sales")
    await _until(lambda: _delivered(api), "every sale to reach the stock ledger")
    progress.update(task, description=f"{sample.tenant_id}: loaded")


async def forecast_and_plan(
    sample: SampleTenant, data_dir: Path, *, sales_url: str, inventory_url: str, progress: Progress
) -> None:
    """What runs every night otherwise: forecasts, then what to order."""
    task = progress.add_task(f"{sample.tenant_id}: forecasting", total=None)

    def show(done: int, total: int) -> None:
        progress.update(task, completed=done, total=total)

    def forecasting(stage: str, done: int, total: int) -> None:
        progress.update(task, description=f"{sample.tenant_id}: {stage}", completed=done, total=total)

    async with open_sales(data_dir, INVENTORY_SERVICE_URL=inventory_url) as sales:
        await sales.forecast_runs.run(sample.tenant_id, progress=forecasting)
    progress.update(task, description=f"{sample.tenant_id}: planning")
    async with open_inventory(data_dir, SALES_SERVICE_URL=sales_url) as inventory:
        await inventory.replenishment.run(sample.tenant_id, progress=show)
    progress.update(task, description=f"{sample.tenant_id}: planned")


async def _catalogue(sample: SampleTenant, api: Api, data_dir: Path, step: Callable[..., None]) -> None:
    settings = TenantSettings(
        name=sample.name,
        time_zone=sample.time_zone,
        currency=sample.currency,
        business_date=sample.business_date,
        simulated=sample.simulated,
    )
    async with open_inventory(data_dir) as inventory:
        await inventory.tenants.create(sample.tenant_id, settings)
    for supplier in sample.suppliers:
        body = {
            "supplier_id": supplier.supplier_id,
            "name": supplier.name,
            "lead_times": [{"days": days, "probability": share} for days, share in supplier.lead_times],
            "order_weekdays": list(supplier.order_weekdays),
            "min_order_value": float(supplier.min_order_value),
        }
        await api.inventory("POST", "/api/inventory/suppliers", json=body)
        step()
    result = await api.inventory("POST", "/api/inventory/products/import", csv=products_csv(sample))
    if result["error_count"]:
        raise DemoError(f"{result['error_count']} sample products were refused: {result['errors'][:3]}")
    step()
    ids = [product.product_id for product in sample.products]
    await _until(lambda: _knows(api, ids), "Sales to learn the products from Inventory")
    step()


def _batches(movements: Iterable[SampleMovement]) -> Iterator[list[dict[str, Any]]]:
    numbered = enumerate(movements)
    while chunk := list(islice(numbered, _MOVEMENTS_PER_CALL)):
        yield [
            {
                "kind": movement.kind,
                "product_id": movement.product_id,
                "quantity": movement.quantity,
                "occurred_at": movement.occurred_at.isoformat(),
                "unit_cost": float(movement.unit_cost),
                "reference": movement.reference,
                "reason": movement.reason,
                "event_id": f"sample-{number}",
            }
            for number, movement in chunk
        ]


def _purchase_order(order: SampleOpenOrder) -> dict[str, Any]:
    return {
        "order_id": order.reference,
        "supplier_id": order.supplier_id,
        "status": "submitted",
        "ordered_on": order.ordered_on.isoformat(),
        "expected_on": order.expected_on.isoformat(),
        "lines": [
            {"product_id": line.product_id, "quantity": line.quantity, "unit_cost": float(line.unit_cost)}
            for line in order.lines
        ],
    }


async def _knows(api: Api, product_ids: list[str]) -> bool:
    if await api.sales_status("/api/sales/summary") == 403:
        return False
    answer = await api.sales("POST", "/api/sales/analytics/query", json={"product_ids": product_ids, "days": 1})
    return not answer["unknown"]


async def _delivered(api: Api) -> bool:
    health = await api.sales("GET", "/health")
    return bool(component(health, "outbox").get("pending") == 0)


async def _until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while not await condition():
        if time.monotonic() > until:
            raise DemoError(f"Waited a minute for {what}. The services' logs say more.")
        await asyncio.sleep(0.1)
