"""Bodies and answers of the routes about promotions."""

from datetime import date
from decimal import Decimal
from typing import Annotated, TypedDict

import msgspec

from shelfwise.contracts.events import Identifier
from shelfwise.platform.columns import money_number
from shelfwise.sales.promotions.rules import MAX_NAME, MAX_PRICE, Promotion, Terms


class NewPromotion(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A promotion of one product, of a category, or (neither given) of everything, from `first_day` to `last_day`.

    Both days are included. `strength` says how strong it is among your promotions, from 0 to 1; `price` is what is
    asked meanwhile, where that is planned.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
    first_day: date
    last_day: date
    product_id: Identifier | None = None
    category: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)] | None = None
    strength: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    price: Annotated[float, msgspec.Meta(gt=0, le=MAX_PRICE)] | None = None

    def terms(self) -> Terms:
        """The promotion that it asks for."""
        price = None if self.price is None else round(Decimal(str(self.price)), 4)
        return Terms(self.name, self.product_id, self.category, self.first_day, self.last_day, self.strength, price)


class PromotionView(TypedDict):
    """A promotion; its id follows from its terms."""

    promotion_id: str
    name: str
    product_id: str | None
    category: str | None
    first_day: str
    last_day: str
    strength: float
    price: float | None
    created_at: str


class PromotionPage(TypedDict):
    items: list[PromotionView]
    next: str | None


def promotion_view(promotion: Promotion, currency: str) -> PromotionView:
    """The promotion as it is shown."""
    terms = promotion.terms
    return PromotionView(
        promotion_id=promotion.promotion_id,
        name=terms.name,
        product_id=terms.product_id,
        category=terms.category,
        first_day=terms.first_day.isoformat(),
        last_day=terms.last_day.isoformat(),
        strength=terms.strength,
        price=None if terms.price is None else money_number(terms.price, currency),
        created_at=promotion.created_at.isoformat().replace("+00:00", "Z"),
    )
