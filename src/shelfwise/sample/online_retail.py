"""The demo's tenant: real sales of UCI Online Retail, simulated stock and suppliers."""

from collections.abc import Sequence
from datetime import date

from shelfwise.sample.extract import read_products, shifted_lines
from shelfwise.sample.models import SampleProduct, SampleTenant
from shelfwise.sample.simulation import default_opening_day, simulate_stock
from shelfwise.sample.suppliers import SUPPLIERS

TENANT_ID = "demo"
TIME_ZONE = "Europe/London"
ATTRIBUTION = (
    "Sales: UCI Online Retail by Daqing Chen (doi.org/10.24432/C5BW33, CC BY 4.0), an extract with its dates shifted. "
    "Stock, suppliers, costs and lead times are simulated."
)


def demo_tenant(today: date, opening_day: date | None = None, *, products: int | None = None) -> SampleTenant:
    """The tenant as it is loaded on ``today``, its business date.

    ``opening_day`` starts the stock ledger; the default leaves 120 complete days in it. ``products`` keeps so many
    of the extract's products, spread evenly over it, and their lines.
    Raises ValueError when the ledger would have fewer than 28 days.
    """
    opening = default_opening_day(today) if opening_day is None else opening_day
    catalogue = read_products({supplier.name: supplier.supplier_id for supplier in SUPPLIERS})
    lines = shifted_lines(today)
    if products is not None and products < len(catalogue):
        catalogue = _spread(catalogue, products)
        kept = {product.sku for product in catalogue}
        lines = [line for line in lines if line.product in kept]
    stock = simulate_stock(catalogue, SUPPLIERS, lines, opening, today, TIME_ZONE)
    return SampleTenant(
        tenant_id=TENANT_ID,
        name="Gift wholesaler (real sales, simulated stock)",
        time_zone=TIME_ZONE,
        currency="GBP",
        business_date=today,
        opening_day=opening,
        simulated=False,
        attribution=ATTRIBUTION,
        products=tuple(catalogue),
        suppliers=SUPPLIERS,
        lines=tuple(lines),
        movements=stock.movements,
        open_orders=stock.open_orders,
    )


def _spread(catalogue: Sequence[SampleProduct], count: int) -> list[SampleProduct]:
    return [catalogue[number * len(catalogue) // count] for number in range(count)]
