"""Rejected events are taken again once what they lacked is there."""

from datetime import UTC, datetime

from shelfwise.contracts.events import SaleEvent


def rejected(cli):
    """A sale of a product that Inventory does not know yet."""
    cli.ok("tenant", "create", "acme")
    event = SaleEvent(
        event_id="e-1",
        kind="sale",
        product_id="P1",
        quantity=3,
        occurred_at=datetime.now(UTC).isoformat(),
        business_date=datetime.now(UTC).date().isoformat(),
        sequence=1,
        order_id="O1",
        line_no=1,
    )
    cli.in_inventory(lambda inventory: inventory.inbox.take("acme", [event]))


def test_what_still_cannot_be_applied_is_named_and_exits_3(cli):
    rejected(cli)
    ended = cli("inbox", "retry", "--tenant", "acme")
    assert (ended.code, ended.out) == (3, "applied 0, before opening 0, still rejected 1\n")
    assert ended.err.startswith("e-1: ")
    report = cli("inbox", "retry", "--tenant", "acme", "--json")
    assert (report.code, [event["event_id"] for event in report.json()["rejected"]]) == (3, ["e-1"])


def test_it_is_applied_once_the_product_is_there(cli, tmp_path):
    rejected(cli)
    (tmp_path / "products.csv").write_text("product_id,sku,name\nP1,S1,Mug\n")
    cli.ok("import", "products", "products.csv", "--tenant", "acme")
    assert cli.ok("inbox", "retry", "--tenant", "acme") == "applied 1, before opening 0, still rejected 0\n"
    assert cli.ok("inbox", "retry", "--tenant", "acme") == "applied 0, before opening 0, still rejected 0\n"


def test_an_unknown_tenant_is_one_line(cli):
    assert "shelfwise tenant create nobody" in cli("inbox", "retry", "--tenant", "nobody").error
