"""What ``/health`` says of Inventory's dependencies. Only the database takes the service down."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

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
        return sales_component(sales.stats(), sales.background_stats())

    async def check_inbox() -> Component:
        rejected = await inbox.rejected_count(relay_database)
        return Component(status="degraded" if rejected else "ok", detail={"rejected": rejected})

    async def check_outbox() -> Component:
        lag = await relay.lag()
        seconds = 0.0 if lag.oldest is None else max(0.0, (clock() - lag.oldest).total_seconds())
        detail = {"pending": lag.pending, "oldest_seconds": round(seconds, 1)}
        return Component(status="degraded" if seconds > _LAG_SECONDS else "ok", detail=detail)

    return {"database": check_database, "sales": check_sales, "inbox": check_inbox, "outbox": check_outbox}


def sales_component(prompt: Mapping[str, Any], background: Mapping[str, Any]) -> Component:
    """Sales as the clients' own calls found it of late; asking is not needed to know.

    ``prompt`` and ``background`` are ``ClientStats`` of what requests wait for and of what nobody waits for. Whatever
    they hold is shown, latencies in milliseconds.
    """
    healthy = all(
        stats["discovery_error"] is None and any(each["breaker"] == "closed" for each in stats["instances"])
        for stats in (prompt, background)
    )
    detail = {**_shown_client(prompt), "background": _shown_client(background)}
    return Component(status="ok" if healthy else "degraded", detail=detail)


def _shown_client(stats: Mapping[str, Any]) -> dict[str, Any]:
    cache = stats["cache"]
    hits = cache["hits"] + cache["stale"]
    asked = hits + cache["misses"]
    ratio = hits / asked if asked else None
    return dict(_shown_entry(key, value) for key, value in {**stats, "cache": {**cache, "hit_ratio": ratio}}.items())


def _shown(value: object) -> object:
    match value:
        case float():
            return round(value, 4)
        case Mapping():
            return dict(_shown_entry(key, each) for key, each in value.items())
        case list():
            return [_shown(each) for each in value]
        case _:
            return value


def _shown_entry(key: str, value: object) -> tuple[str, object]:
    if key.startswith("latency_") and key.endswith("_seconds"):
        milliseconds = round(value * 1000, 2) if isinstance(value, int | float) else None
        return f"{key.removesuffix('_seconds')}_ms", milliseconds
    return key, _shown(value)
