"""Questions to Sales about many products at once, whose answers are cached by product."""

from collections.abc import Sequence

import msgspec

from shelfwise.contracts.analytics import AnalyticsQuery
from shelfwise.contracts.forecasts import ForecastQuery
from shelfwise.http.batches import BatchRoute, split_json

ANALYTICS_QUERY = "/api/sales/analytics/query"
FORECASTS_QUERY = "/api/sales/forecasts/query"
_SPLIT = split_json(items="items", item_id="product_id", unknown="unknown")
_ENCODER = msgspec.json.Encoder()


def analytics_batch(days: int) -> BatchRoute:
    """Sales of the last ``days`` business days."""

    def encode(product_ids: Sequence[str]) -> bytes:
        return _ENCODER.encode(AnalyticsQuery(product_ids=list(product_ids), days=days))

    return BatchRoute(ANALYTICS_QUERY, encode, _SPLIT)


def forecast_batch(query: ForecastQuery) -> BatchRoute:
    """Forecasts as ``query`` wants them, of any products."""

    def encode(product_ids: Sequence[str]) -> bytes:
        return _ENCODER.encode(msgspec.structs.replace(query, product_ids=list(product_ids)))

    return BatchRoute(FORECASTS_QUERY, encode, _SPLIT)
