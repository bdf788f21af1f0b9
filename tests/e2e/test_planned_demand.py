"""What a planner tells Sales is what Inventory orders by: both services as real processes."""

import json
import os
from datetime import date, timedelta

import pytest

from fixtures.pairs import PRODUCT, TENANT, ServicePair, shelfwise


def recommended(pair: ServicePair, known):
    """The product's recommendation of a plan that is run now."""
    env = {**os.environ, "SALES_SERVICE_URL": f"http://127.0.0.1:{pair.sales_port}", **pair.env}
    report = json.loads(shelfwise("plan", "run", "--tenant", TENANT, "--json", data_dir=pair.data_dir, env=env))
    assert report["undecided"] == 0
    items = pair.inventory("/api/inventory/recommendations", **known).json()["items"]
    return next(item for item in items if item["product_id"] == PRODUCT)


def test_an_override_in_sales_changes_what_inventory_recommends_and_withdrawn_it_is_as_before(pair: ServicePair, known):
    before = recommended(pair, known)
    forecast = pair.sales(f"/api/sales/products/{PRODUCT}/forecast?forecast_days=90", **known).json()
    first = date.fromisoformat(forecast["business_date"])
    override = {
        "product_id": PRODUCT,
        "first_day": first.isoformat(),
        "last_day": (first + timedelta(days=89)).isoformat(),
        "factor": 3,
        "reason": "the only shop in town from now on",
    }
    made = pair.sales("/api/sales/forecast-overrides", method="POST", body=override, **known)
    assert made.status == 201, made
    after = recommended(pair, known)
    assert after["demand_30_days"] == pytest.approx(3 * before["demand_30_days"], rel=0.01)
    assert after["order_up_to_level"] > 2 * before["order_up_to_level"]
    assert after["recommended_order_quantity"] > before["recommended_order_quantity"]
    gone = pair.sales(f"/api/sales/forecast-overrides/{made.json()['override_id']}", method="DELETE", **known)
    assert gone.status == 200
    assert recommended(pair, known)["order_up_to_level"] == before["order_up_to_level"]
