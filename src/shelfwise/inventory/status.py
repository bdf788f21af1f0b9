"""What ``/health`` says of Inventory's dependencies. Only the database takes the service down."""

from collections.abc import Callable
from datetime import datetime

from shelfwise.inventory.clients.sales import SalesClient
from shelfwise.inventory.config import Settings
from shelfwise.inventory.inbox.service import InboxService
from shelfwise.inventory.tables import MIGRATIONS
from shelfwise.platform.database import Database
from shelfwise.platform.health import Check, Component
from shelfwise.platform.migrate import current_revision, head_revision
from shelfwise.platform.outbox import Relay

#: An outbox that has not moved for so long wants an operator's eye.
_LAG_SECONDS = 60.0


def health_checks(
    *,
    settings: Settings,
    database: Database,
    relay_database: Database,
    relay: Relay,
    sales: SalesClient,
    inbox: InboxService,
    clock: Callable[[], datetime],
) -> dict[str, Check]:
    """Checks by component name."""

    async def check_database() -> Component:
        await database.ping()
        revision = await current_revision(MIGRATIONS, settings.database_url)
        wanted = head_revision(MIGRATIONS)
        if revision != wanted:
            return Component(
                status="down",
                error="Schema is at another revision: run `shelfwise migrate`.",
                detail={"revision": revision, "wanted": wanted},
            )
        return Component(status="ok", detail={"revision": revision})

    async def check_sales() -> Component:
        return sales_component(sales)

    async def check_inbox() -> Component:
        rejected = await inbox.rejected_count(relay_database)
        return Component(status="degraded" if rejected else "ok", detail={"rejected": rejected})

    async def check_outbox() -> Component:
        lag = await relay.lag()
        seconds = 0.0 if lag.oldest is None else max(0.0, (clock() - lag.oldest).total_seconds())
        detail = {"pending": lag.pending, "oldest_seconds": round(seconds, 1)}
        return Component(status="degraded" if seconds > _LAG_SECONDS else "ok", detail=detail)

    return {"database": check_database, "sales": check_sales, "inbox": check_inbox, "outbox": check_outbox}


def sales_component(sales: SalesClient) -> Component:
    """Sales as the client's own calls found it of late; asking is not needed to know."""
    stats = sales.stats()
    cache = stats["cache"]
    answered = cache["hits"] + cache["stale"] + cache["misses"]
    instances = [
        {
            "breaker": instance["breaker"],
            "latency_p50_ms": _milliseconds(instance["latency_p50_seconds"]),
            "latency_p95_ms": _milliseconds(instance["latency_p95_seconds"]),
        }
        for instance in stats["instances"]
    ]
    healthy = any(instance["breaker"] == "closed" for instance in stats["instances"])
    return Component(
        status="ok" if healthy else "degraded",
        detail={
            "calls": stats["calls"],
            "failures": stats["failures"],
            "cache_hit_ratio": round((cache["hits"] + cache["stale"]) / answered, 4) if answered else None,
            "instances": instances,
        },
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
