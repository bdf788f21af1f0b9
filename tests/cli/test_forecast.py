"""Forecasts are made from the command line, once for the same data."""

import re
from datetime import UTC, datetime, timedelta

import pytest

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


@pytest.fixture
def acme(cli, tmp_path):
    """Two products that sold for 150 days; a forecast run."""
    cli.sales_learns(catalogue("P1", "P2", tenant="acme"))
    day = datetime.now(UTC).date() - timedelta(days=150)
    lines = [
        f"O{n}{name},1,{day + timedelta(days=n)}T10:00:00,{name},{n % 5 + 1},2.50\n"
        for n in range(150)
        for name in ("P1", "P2")
    ]
    (tmp_path / "sales.csv").write_text("order_id,line_no,ordered_at,product,quantity,unit_price\n" + "".join(lines))
    cli.ok("import", "sales", "sales.csv", "--tenant", "acme", "--history")
    cli.ok("forecast", "run", "--tenant", "acme")
    return cli


def test_a_forecast_is_shown_with_its_totals_its_terms_and_what_is_not_known(acme):
    text = acme.ok("forecast", "show", "P1", "--tenant", "acme", "--days", "14")
    assert re.search(r"^predicted_demand +4[0-9]\.", text, re.MULTILINE)
    assert re.search(r"^ *14 ", text, re.MULTILINE)
    assert "level" in text
    assert "Note: Days out of stock count as days without demand" in text
    as_json = acme("forecast", "show", "P1", "--tenant", "acme", "--days", "14", "--json").json()
    assert (as_json["forecast_days"], len(as_json["daily"])) == (14, 14)


def test_a_forecast_of_what_sales_does_not_know_or_of_a_wrong_level_is_one_line(acme):
    assert acme("forecast", "show", "nope", "--tenant", "acme").error == "Sales knows no product 'nope'."
    assert "must be between 0 and 1" in acme("forecast", "show", "P1", "-t", "acme", "--service-level", "1").err


def test_a_backtest_says_how_good_forecasts_from_past_days_were(acme):
    found = acme("forecast", "backtest", "--tenant", "acme", "--origins", "2", "--json").json()
    assert (found["products"], len(found["origins"])) == (2, 2)
    last = found["panel"][-1]
    assert (last["days"], last["windows"]) == (28, 4)
    assert abs(last["bias"]) < 0.1
    assert last["wape"] < 0.1
    assert "all " in acme.ok("forecast", "backtest", "--tenant", "acme", "--product", "P2")


def test_a_backtest_of_a_short_history_says_what_is_missing(acme):
    assert "leave no history" in acme("forecast", "backtest", "--tenant", "acme", "--origins", "20").error


def test_an_override_is_added_shown_in_the_forecast_listed_withdrawn_and_not_scored_yet(acme):
    first = datetime.now(UTC).date() + timedelta(days=1)
    days = ("--first-day", str(first), "--last-day", str(first + timedelta(days=6)))
    tenant = ("--tenant", "acme")
    made = acme(
        "forecast",
        "override",
        "add",
        "P1",
        *tenant,
        *days,
        "--factor",
        "2",
        "--reason",
        "a fair",
        "--by",
        "ann",
        "--json",
    ).json()
    assert (made["factor"], made["created_by"]) == (2.0, "ann")
    text = acme.ok("forecast", "show", "P1", *tenant, "--days", "14")
    assert re.search(r"^ +override +\+", text, re.MULTILINE)
    assert "a fair" in text
    assert re.search(
        rf"^{made['override_id']} .* x 2 +a fair +-$", acme.ok("forecast", "override", "list", *tenant), re.MULTILINE
    )
    assert (
        "Withdraw it first"
        in acme("forecast", "override", "add", "P1", *tenant, *days, "--factor", "3", "--reason", "?").error
    )
    acme.ok("forecast", "override", "withdraw", made["override_id"], *tenant)
    assert made["override_id"] not in acme.ok("forecast", "override", "list", *tenant)
    assert made["override_id"] in acme.ok("forecast", "override", "list", *tenant, "--withdrawn")
    assert acme("forecast", "override", "scores", *tenant, "--json").json()["items"] == []
    assert "gain" in acme.ok("forecast", "override", "scores", *tenant)


def test_an_override_that_cannot_be_is_one_line(acme):
    past = ("--first-day", "2020-01-01", "--last-day", "2020-01-02")
    ended = acme("forecast", "override", "add", "P1", "--tenant", "acme", *past, "--factor", "2", "--reason", "late")
    assert "first_day" in ended.error
