"""``shelfwise tenant``: create, show and change tenants."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shelfwise.cli.console import AsJson, DataDir, err, print_fields, run
from shelfwise.cli.lazy import services, tenant_rules

if TYPE_CHECKING:
    from shelfwise.inventory.tenants.rules import Tenant

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Create, show and change tenants.")

TenantId = Annotated[str, typer.Argument(help="The tenant's id: letters, digits, '.', '_' and '-'.")]
Name = Annotated[str | None, typer.Option(help="Its name; the id unless given.")]
TimeZone = Annotated[str | None, typer.Option(help="IANA time zone that decides its business days; UTC at first.")]
Currency = Annotated[str | None, typer.Option(help="ISO 4217 code; USD unless given. Cannot be changed later.")]
ServiceLevel = Annotated[float | None, typer.Option(help="Probability that stock suffices, .5 to .999; .95 at first.")]
ReviewPeriod = Annotated[int | None, typer.Option("--review-period-days", help="Days between two decisions.")]
CoverDays = Annotated[int | None, typer.Option("--cover-days", help="Days that one order should last.")]
LeadTime = Annotated[
    int | None, typer.Option("--default-lead-time-days", help="Lead time of products without a supplier's.")
]
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
    default_lead_time_days: LeadTime = None,
    business_date: BusinessDate = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Create a tenant. Sales learns of it from Inventory as soon as both run."""
    given = _given(
        name=name or tenant_id,
        time_zone=time_zone,
        currency=currency,
        service_level=service_level,
        review_period_days=review_period_days,
        cover_days=cover_days,
        default_lead_time_days=default_lead_time_days,
        business_date=business_date,
    )

    async def work() -> "Tenant":
        async with services.open_inventory(data_dir) as inventory:
            return await inventory.tenants.create(tenant_id, tenant_rules.TenantSettings(**given))

    tenant = run(work)
    settings = tenant.settings
    err.print(f"Tenant {tenant.tenant_id!r} is created ({settings.time_zone}, {settings.currency}).", markup=False)
    if as_json:
        _print(tenant, as_json=True)


@app.command()
def show(tenant_id: TenantId, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show a tenant's settings."""

    async def work() -> "Tenant":
        async with services.open_inventory(data_dir) as inventory:
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
    default_lead_time_days: LeadTime = None,
    business_date: BusinessDate = None,
    unpin: Annotated[bool, typer.Option("--unpin", help="Let today be the calendar's again.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Change settings; what is not given stays."""
    if unpin and business_date is not None:
        raise typer.BadParameter("--business-date pins the day and --unpin lets it go: give one of them.")
    changes = _given(
        name=name,
        time_zone=time_zone,
        service_level=service_level,
        review_period_days=review_period_days,
        cover_days=cover_days,
        default_lead_time_days=default_lead_time_days,
        business_date=business_date,
    )
    if unpin:
        changes["business_date"] = None

    async def work() -> "Tenant":
        async with services.open_inventory(data_dir) as inventory:
            return await inventory.tenants.change(tenant_id, changes)

    _print(run(work), as_json=as_json)


def _given(**options: str | float | datetime | None) -> dict[str, Any]:
    days = {name: value.date() for name, value in options.items() if isinstance(value, datetime)}
    return {name: value for name, value in options.items() if value is not None} | days


def _print(tenant: "Tenant", *, as_json: bool) -> None:
    settings = tenant.settings
    fields = {
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
    print_fields(fields, as_json=as_json)
