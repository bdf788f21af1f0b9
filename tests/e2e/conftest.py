"""One pair of real services for a module's tests, with the document's tenant and product."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fixtures.pairs import PRODUCT, TENANT, ServicePair, service_pair, shelfwise, wait_until


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServicePair]:
    """Inventory and Sales as processes; ``tenant-1`` has PRD-123 with sales and stock."""
    with service_pair(tmp_path_factory.mktemp("pair") / "data") as running:
        set_up(running)
        yield running


def set_up(pair: ServicePair) -> None:
    """The document's product: listed, stocked with 200 and sold 5 a day on each of the last 30 days."""
    shelfwise("tenant", "create", TENANT, "--currency", "USD", "--time-zone", "UTC", data_dir=pair.data_dir)
    token = pair.token(TENANT)
    known: dict[str, Any] = {"token": token, "tenant": TENANT}
    product = {"id": PRODUCT, "sku": "LAP-001", "name": "Laptop", "price": 1200.0, "unit_cost": 900.0}
    answer = pair.inventory("/api/inventory/products", method="POST", body=product, **known)
    assert answer.status == 201, answer
    wait_until(
        lambda: pair.sales(f"/api/sales/products/{PRODUCT}/analytics", **known).status == 200,
        10,
        "Sales to know the product",
    )
    opened = (datetime.now(UTC) - timedelta(days=31)).replace(hour=0)
    pair.stock(opened, 200, **known)
    for days_ago in range(30, 0, -1):
        order = {
            "order_id": f"ORD-{days_ago}",
            "ordered_at": (datetime.now(UTC) - timedelta(days=days_ago)).isoformat(),
            "lines": [{"line_no": 1, "product": "LAP-001", "quantity": 5, "unit_price": 1200.0}],
        }
        assert pair.sales("/api/sales/orders", method="POST", body=order, **known).status == 201
    wait_until(lambda: pair.on_hand(PRODUCT, **known) == 50, 10, "the sales to reach the stock")


@pytest.fixture(scope="module")
def known(pair: ServicePair) -> dict[str, Any]:
    """Token and tenant, as the helpers of ``ServicePair`` take them."""
    return {"token": pair.token(TENANT), "tenant": TENANT}
