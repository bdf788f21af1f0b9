"""Stock by the command line: shown, counted, corrected, moved, rebuilt."""

import getpass

import pytest
import sqlalchemy as sa

from shelfwise.inventory.catalogue.rules import Product
from shelfwise.inventory.places.schemas import LocationIn
from shelfwise.inventory.tables import STOCK_BALANCES
from shelfwise.platform.audit import AuditFilter

T = ("--tenant", "acme")


@pytest.fixture
def shop(cli):
    """A tenant with ten mugs at its default location, and a shop."""
    cli.ok("tenant", "create", "acme")

    async def stocked(inventory):
        await inventory.catalogue.create("acme", Product("P1", "S1", "Mug"))
        await inventory.places.create("acme", LocationIn("shop"))

    cli.in_inventory(stocked)
    assert "difference +10" in cli.ok("stock", "count", "P1", "10", *T)
    return cli


def on_hand(cli):
    return {row["location_id"]: row["on_hand"] for row in cli("stock", "show", *T, "--json").json()}


def test_stock_is_shown_by_product_and_location(shop):
    assert "P1                  main                 10" in shop.ok("stock", "show", *T)
    assert shop("stock", "show", "P1", *T, "--location", "shop", "--json").json() == []
    assert shop("stock", "show", *T, "--oversold", "--json").json() == []


def test_an_adjustment_needs_a_reason_and_one_direction(shop):
    shop.ok("stock", "adjust", "P1", *T, "--lost", "3", "--reason", "broken")
    shop.ok("stock", "adjust", "P1", *T, "--found", "1", "--reason", "behind the shelf")
    assert on_hand(shop) == {"main": 8}
    assert shop("stock", "adjust", "P1", *T, "--lost", "3").code == 2
    assert shop("stock", "adjust", "P1", *T, "--lost", "3", "--found", "1", "--reason", "both").code == 2
    assert "Only 8" in shop("stock", "adjust", "P1", *T, "--lost", "9", "--reason", "gone").error


def test_a_transfer_moves_at_once_or_by_way_of_transit(shop):
    assert "received 2" in shop.ok("stock", "transfer", "P1", "2", *T, "--to", "shop")
    shipped = shop("stock", "transfer", "P1", "4", *T, "--to", "shop", "--in-transit", "--json").json()
    assert on_hand(shop) == {"main": 4, "shop": 2, "transit": 4}
    done = shop.ok("stock", "receive", shipped["transfer_id"], *T, "--product", "P1", "--units", "3")
    assert "received 3, lost 1 of 4" in done
    assert on_hand(shop) == {"main": 4, "shop": 5, "transit": 0}


def test_a_rebuild_says_what_differed_and_mends_it(shop):
    assert shop.ok("stock", "rebuild", *T, "--check").startswith("1 movements, 1 balances, 0 figures differed, ")

    async def damage(inventory):
        async with inventory.database.write("acme") as connection:
            await connection.execute(sa.update(STOCK_BALANCES).values(on_hand=3))

    shop.in_inventory(damage)
    checked = shop("stock", "rebuild", *T, "--check")
    assert (checked.code, on_hand(shop)) == (3, {"main": 3})
    assert "P1 at main: on_hand was 3, the movements say 10" in checked.err
    assert shop("stock", "rebuild", *T, "--json").json()["differing"] == 1
    assert on_hand(shop) == {"main": 10}


def test_the_audit_log_says_who_sat_at_the_terminal(shop):
    entries = shop.in_inventory(lambda inventory: inventory.audit.page("acme", AuditFilter(), limit=9, cursor=None))
    assert entries.items[0].subject == f"cli:{getpass.getuser()}"
