"""Errors about orders.

::

    NotFoundError
    +-- OrderNotFoundError
    ConflictError
    +-- OrderExistsError     the order was posted before with other values
"""

from shelfwise.platform.problems import ConflictError, NotFoundError


class OrderNotFoundError(NotFoundError):
    def __init__(self, order_id: str) -> None:
        super().__init__(f"There is no order {order_id!r}.")


class OrderExistsError(ConflictError):
    slug, title = "order_exists", "The order exists with other values"

    def __init__(self, order_id: str) -> None:
        super().__init__(
            f"Order {order_id!r} was recorded before with other values. Cancel or return lines of it instead."
        )
