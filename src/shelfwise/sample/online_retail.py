"""The demo's tenant: real sales of UCI Online Retail, simulated stock and suppliers."""

from datetime import date

from shelfwise.sample.extract import read_products, shifted_lines
from shelfwise.sample.models import SampleTenant
from shelfwise.sample.simulation import default_opening_day, simulate_stock
from shelfwise.sample.suppliers import SUPPLIERS

TENANT_ID = "demo"
TIME_ZONE = "Europe/London"
ATTRIBUTION = (
    "Sales: UCI Online Retail by Daqing Chen (doi.org/10.24432/C5BW33, CC BY 4.0), an extract with its dates shifted. "
    "Stock, suppliers, costs and lead times are simulated."
)


def demo_tenant(today: date, opening_day: date | None = None) -> SampleTenant:
    """The tenant as it is loaded on ``today``, its business date.

    ``opening_day`` starts the stock ledger; the default leaves 120 complete days in it.
    Raises ValueError when the ledger would have fewer than 28 days.
    """
    opening = default_opening_day(today) if opening_day is None else opening_day
    lines = shifted_lines(today)
    products = read_products({supplier.name: supplier.supplier_id for supplier in SUPPLIERS})
    stock = simulate_stock(products, SUPPLIERS, lines, opening, today, TIME_ZONE)
    return SampleTenant(
        tenant_id=TENANT_ID,
        name="Gift wholesaler (real sales, simulated stock)",
        time_zone=TIME_ZONE,
        currency="GBP",
        business_date=today,
        opening_day=opening,
        simulated=False,
        attribution=ATTRIBUTION,
        products=tuple(products),
        suppliers=SUPPLIERS,
        lines=tuple(lines),
        movements=stock.movements,
        open_orders=stock.open_orders,
    )
