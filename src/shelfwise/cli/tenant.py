"""``shelfwise tenant``: create, show and change tenants."""

from datetime import date, datetime
from typing import Annotated, Any

import typer

from shelfwise.cli.console import AsJson, DataDir, err, out, print_json, run
from shelfwise.cli.services import open_inventory
from shelfwise.inventory.tenants.rules import Tenant, TenantSettings

app = typer.Typer(no_args_is_help=True, help="Create, show and change tenants.")

TenantId = Annotated[str, typer.Argument(help="The tenant's id: letters, digits, '.', '_' and '-'.")]
Name = Annotated[str | None, typer.Option(help="Its name; the id unless given.")]
TimeZone = Annotated[str | None, typer.Option(help="IANA time zone that decides its business days.")]
Currency = Annotated[str | None, typer.Option(help="ISO 4217 code. Cannot be changed later.")]
ServiceLevel = Annotated[float | None, typer.Option(help="Probability that stock suffices, .5 to .999.")]
ReviewPeriod = Annotated[int | None, typer.Option("--review-period-days", help="Days between two decisions.")]
CoverDays = Annotated[int | None, typer.Option("--cover-days", help="Days that one order should last.")]
BusinessDate = Annotated[
    datetime | None, typer.Option("--business-date", formats=["%Y-%m-%d"], help="Pin today to this day.")
]


@app.command()
def create(
    tenant_id: TenantId,
    name: Name = None,
    time_zone: TimeZone = None,
    currency: Currency = None,
    service_level: ServiceLevel = None,
    review_period_days: ReviewPeriod = None,
    cover_days: CoverDays = None,
    business_date: BusinessDate = None,
    data_dir: DataDir = None,
) -> None:
    """Create a tenant. Sales learns of it from Inventory as soon as both run."""
    given = _given(name or tenant_id, time_zone, service_level, review_period_days, cover_days, business_date)
    if currency is not None:
        given["currency"] = currency

    async def work() -> Tenant:
        async with open_inventory(data_dir) as inventory:
            return await inventory.tenants.create(tenant_id, TenantSettings(**given))

    tenant = run(work)
    err.print(f"Tenant {tenant.tenant_id!r} is created ({tenant.settings.time_zone}, {tenant.settings.currency}).")


@app.command()
def show(tenant_id: TenantId, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show a tenant's settings."""

    async def work() -> Tenant:
        async with open_inventory(data_dir) as inventory:
            return await inventory.tenants.show(tenant_id)

    _print(run(work), as_json=as_json)


@app.command("set")
def change(
    tenant_id: TenantId,
    name: Name = None,
    time_zone: TimeZone = None,
    service_level: ServiceLevel = None,
    review_period_days: ReviewPeriod = None,
    cover_days: CoverDays = None,
    business_date: BusinessDate = None,
    unpin: Annotated[bool, typer.Option("--unpin", help="Let today be the calendar's again.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Change settings; what is not given stays."""
    changes = _given(name, time_zone, service_level, review_period_days, cover_days, business_date)
    if unpin:
        changes["business_date"] = None

    async def work() -> Tenant:
        async with open_inventory(data_dir) as inventory:
            return await inventory.tenants.change(tenant_id, changes)

    _print(run(work), as_json=as_json)


def _given(
    name: str | None,
    time_zone: str | None,
    service_level: float | None,
    review_period_days: int | None,
    cover_days: int | None,
    business_date: datetime | None,
) -> dict[str, Any]:
    options = {
        "name": name,
        "time_zone": time_zone,
        "service_level": service_level,
        "review_period_days": review_period_days,
        "cover_days": cover_days,
        "business_date": None if business_date is None else business_date.date(),
    }
    return {field: value for field, value in options.items() if value is not None}


def _print(tenant: Tenant, *, as_json: bool) -> None:
    settings = tenant.settings
    fields: dict[str, str | int | float | date | bool | None] = {
        "tenant_id": tenant.tenant_id,
        "name": settings.name,
        "time_zone": settings.time_zone,
        "currency": settings.currency,
        "service_level": settings.service_level,
        "review_period_days": settings.review_period_days,
        "cover_days": settings.cover_days,
        "default_lead_time_days": settings.default_lead_time_days,
        "default_location_id": settings.default_location_id,
        "business_date": settings.business_date,
        "simulated": settings.simulated,
        "version": tenant.version,
    }
    if as_json:
        print_json(fields)
        return
    for field, value in fields.items():
        out.print(f"{field:24}{'-' if value is None else value}", markup=False)
