"""Tenants are created, shown and changed."""

import pytest


def test_a_tenant_is_created_and_shown(cli):
    created = cli("tenant", "create", "acme", "--currency", "EUR", "--time-zone", "Europe/Berlin")
    assert (created.code, created.out) == (0, "")
    assert "'acme' is created (Europe/Berlin, EUR)" in created.err
    shown = cli.ok("tenant", "show", "acme")
    assert "time_zone               Europe/Berlin\n" in shown
    assert "business_date           -\n" in shown
    assert cli("tenant", "show", "acme", "--json").json() == {
        "tenant_id": "acme",
        "name": "acme",
        "time_zone": "Europe/Berlin",
        "currency": "EUR",
        "service_level": 0.95,
        "review_period_days": 1,
        "cover_days": 30,
        "default_lead_time_days": 7,
        "default_location_id": "main",
        "business_date": None,
        "simulated": False,
        "version": 1,
    }


def test_what_is_given_changes_and_the_rest_stays(cli):
    cli.ok("tenant", "create", "acme", "--business-date", "2026-03-01", "--json")
    given = ["--service-level", ".9", "--review-period-days", "7", "--cover-days", "14", "--name", "Acme & Sons"]
    changed = cli("tenant", "set", "acme", *given, "--default-lead-time-days", "0", "--json").json()
    assert (changed["service_level"], changed["review_period_days"], changed["cover_days"]) == (0.9, 7, 14)
    assert (changed["name"], changed["default_lead_time_days"], changed["version"]) == ("Acme & Sons", 0, 2)
    assert (changed["business_date"], changed["currency"]) == ("2026-03-01", "USD")
    assert cli("tenant", "set", "acme", "--unpin", "--json").json()["business_date"] is None


def test_json_of_create_is_the_tenant(cli):
    assert cli("tenant", "create", "acme", "--json").json()["tenant_id"] == "acme"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "no good"], "The tenant's id must be"),
        (["create", "acme"], "exists. Change it with `shelfwise tenant set`."),
        (["create", "b", "--time-zone", "Mars/Olympus"], "time_zone: 'Mars/Olympus'"),
        (["create", "b", "--currency", "euro"], "currency: must be an ISO 4217 code"),
        (["create", "b", "--service-level", "1"], "service_level: must be from 0.5 to 0.999"),
        (["set", "acme", "--cover-days", "0"], "cover_days: must be from 1 to 180"),
        (["show", "nobody"], "shelfwise tenant create nobody"),
        (["set", "nobody", "--name", "x"], "shelfwise tenant create nobody"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(cli, arguments, message):
    cli.ok("tenant", "create", "acme")
    ended = cli("tenant", *arguments)
    assert ended.code == 1
    assert message in ended.error


def test_a_day_cannot_be_pinned_and_let_go_at_once(cli):
    ended = cli("tenant", "set", "acme", "--unpin", "--business-date", "2026-03-01")
    assert ended.code == 2
