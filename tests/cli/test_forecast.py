"""Forecasts are made from the command line, once for the same data."""

from fixtures.sales import catalogue


def test_a_run_reports_what_it_did_and_again_repeats_nothing(cli, tmp_path):
    cli.sales_learns(catalogue("P1", "P2", tenant="acme"))
    lines = [f"O{n},1,2026-{n // 28 + 1:02}-{n % 28 + 1:02}T10:00:00,P1,{n % 5 + 1},2.50\n" for n in range(84)]
    (tmp_path / "sales.csv").write_text("order_id,line_no,ordered_at,product,quantity,unit_price\n" + "".join(lines))
    cli.ok("import", "sales", "sales.csv", "--tenant", "acme", "--history")
    first = cli("forecast", "run", "--tenant", "acme", "--json")
    assert first.code == 0
    assert first.json()["products"] == 2
    assert "2/2" in first.err
    again = cli("forecast", "run", "--tenant", "acme", "--json").json()
    assert (again["run_id"], again["repeated"]) == (first.json()["run_id"], True)
    assert f"run_id                  {again['run_id']}\n" in cli.ok("forecast", "run", "--tenant", "acme")


def test_a_tenant_without_products_is_one_line(cli):
    cli.sales_learns(catalogue(tenant="acme"))
    ended = cli("forecast", "run", "--tenant", "acme")
    assert (ended.code, ended.error) == (1, "Tenant 'acme' has no products to forecast.")


def test_an_unknown_tenant_is_one_line(cli):
    assert "shelfwise tenant create nobody" in cli("forecast", "run", "--tenant", "nobody").error


def test_a_tenant_that_sales_has_not_learned_of_yet_is_told_that_both_services_must_run(cli):
    cli.ok("tenant", "create", "early")
    assert "when both run" in cli("forecast", "run", "--tenant", "early").error
