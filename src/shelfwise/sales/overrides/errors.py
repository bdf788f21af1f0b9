"""What can be wrong with an override: no such one (404), or two of one product on one day (409)."""

from shelfwise.platform.problems import ConflictError, NotFoundError


class OverrideNotFoundError(NotFoundError):
    def __init__(self, override_id: str) -> None:
        super().__init__(f"There is no forecast override {override_id!r}.")


class OverlappingOverrideError(ConflictError):
    slug, title = "overlapping_override", "Another override stands on these days"

    def __init__(self, other: str) -> None:
        super().__init__(f"Override {other!r} of this product stands on some of these days. Withdraw it first.")
