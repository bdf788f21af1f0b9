"""Tenants and products as Sales knows them: what a code may mean, and which version of a fact counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from shelfwise.contracts.events import ProductRef
from shelfwise.platform.tenancy import business_date

#: In this order a code is looked for among products.
PRODUCT_ID, SKU, BARCODE, ALIAS = range(4)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant's settings; ``pinned`` is its fixed business date where it has one."""

    tenant_id: str
    name: str
    time_zone: str
    currency: str
    pinned: date | None
    simulated: bool

    def today(self, now: datetime) -> date:
        """The tenant's business date."""
        return business_date(now, self.time_zone, self.pinned)


@dataclass(frozen=True, slots=True)
class LockedProduct:
    """What a booking may change of a product while it holds its lock."""

    event_sequence: int
    listed_from: date


def codes_of(product: ProductRef) -> list[tuple[str, int]]:
    """Every code that names the product, with its rank; a code is kept once, at its best rank."""
    ranked = [(product.product_id, PRODUCT_ID), (product.sku, SKU)]
    ranked += [(code, BARCODE) for code in product.barcodes]
    ranked += [(code, ALIAS) for code in product.aliases]
    best: dict[str, int] = {}
    for code, rank in ranked:
        best.setdefault(code, rank)
    return list(best.items())


def resolved(candidates: Iterable[tuple[str, int, str]]) -> dict[str, str]:
    """Product id by code, from (code, rank, product id): the best rank, then the first id, so that it never wavers."""
    best: dict[str, tuple[int, str]] = {}
    for code, rank, product_id in candidates:
        best[code] = min(best.get(code, (rank, product_id)), (rank, product_id))
    return {code: product_id for code, (_, product_id) in best.items()}


def newer(products: Iterable[ProductRef], known: Mapping[str, int]) -> list[ProductRef]:
    """The newest version of each product, where it is newer than the known one; by product id."""
    latest: dict[str, ProductRef] = {}
    for product in products:
        if product.version > latest.get(product.product_id, product).version or product.product_id not in latest:
            latest[product.product_id] = product
    return [latest[name] for name in sorted(latest) if latest[name].version > known.get(name, 0)]
