"""From two services that start to a demo that is ready: waits for them, loads what is not there, says what there is."""

import asyncio
import contextlib
import sys
import webbrowser
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from shelfwise.cli.console import err, out, progress_display
from shelfwise.cli.demo.api import Api, ready
from shelfwise.cli.demo.errors import DemoError
from shelfwise.cli.demo.folder import DemoFolder
from shelfwise.cli.demo.loader import forecast_and_plan, load
from shelfwise.cli.demo.welcome import TENANTS, TOKEN_DAYS, Welcome
from shelfwise.cli.services import open_inventory
from shelfwise.http import HTTPClient
from shelfwise.platform.auth import PERSON_SCOPES, mint_token
from shelfwise.platform.settings import generated_secret
from shelfwise.platform.telemetry import configure_logging
from shelfwise.sample import demo_tenant, documented_tenant

_START_SECONDS = 60.0


async def prepare(
    folder: DemoFolder, urls: Mapping[str, str], process_ids: Mapping[str, int], *, products: int, browser: bool
) -> None:
    """Prepares the demo and welcomes its user; ``urls`` and ``process_ids`` are by the service's name.

    Raises:
        DemoError: a service did not start, or refused something.
    """
    configure_logging(level="warning", style="console", service="demo")
    try:
        for name, url in urls.items():
            if not await ready(url.replace("localhost", "127.0.0.1"), seconds=_START_SECONDS):
                raise DemoError(f"{name} did not start within a minute. Its log: {folder.log(name)}")
        token = _token(folder.path)
        if not folder.is_loaded:
            await _load(folder, urls, token, products)
        welcome = await _welcome(folder, urls, process_ids, token)
        welcome.show(out)
        sys.stdout.flush()
        if browser and sys.stdout.isatty():
            webbrowser.open(f"{urls['inventory']}/docs")
    finally:
        with contextlib.suppress(Exception):
            await HTTPClient.aclose()


async def _load(folder: DemoFolder, urls: Mapping[str, str], token: str, products: int) -> None:
    today = date.today()  # noqa: DTZ011  the user's own day
    samples = documented_tenant(today), await asyncio.to_thread(demo_tenant, today, products=products)
    with progress_display() as progress:
        for sample in samples:
            await load(sample, _api(urls, token, sample.tenant_id), folder.path, progress)
            await forecast_and_plan(
                sample, folder.path, sales_url=urls["sales"], inventory_url=urls["inventory"], progress=progress
            )
    for sample in samples:
        err.print(f"{sample.tenant_id}: {len(sample.products)} products, {len(sample.lines)} order lines.")
    folder.set_loaded()


async def _welcome(folder: DemoFolder, urls: Mapping[str, str], process_ids: Mapping[str, int], token: str) -> Welcome:
    async with open_inventory(folder.path) as inventory:
        settings = (await inventory.tenants.show("demo")).settings
    dashboard = await _api(urls, token, "demo").inventory("GET", "/api/inventory/dashboard")
    best = [(entry["product_id"], entry["product_name"]) for entry in dashboard["top_selling_products"]]
    return Welcome(
        urls=urls,
        process_ids=process_ids,
        data_dir=folder.path,
        token=token,
        business_date=settings.business_date or date.today(),  # noqa: DTZ011  unpinned: the user's own day
        products=dashboard["inventory_stats"]["total_products"],
        example=best[0] if best else None,
    )


def _api(urls: Mapping[str, str], token: str, tenant_id: str) -> Api:
    return Api(urls["inventory"], urls["sales"], token, tenant_id)


def _token(data_dir: Path) -> str:
    return mint_token(
        generated_secret(data_dir),
        subject="demo",
        tenants=list(TENANTS),
        scopes=PERSON_SCOPES,
        ttl_seconds=TOKEN_DAYS * 24 * 3600,
    )
