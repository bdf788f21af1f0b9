"""Planning needs Sales, and says so when it cannot have it."""

from fixtures.servers import free_port


def test_with_sales_down_it_says_what_to_do(cli, tmp_path):
    cli.ok("tenant", "create", "acme")
    (tmp_path / "products.csv").write_text("product_id,sku,name\nP1,S1,Mug\n")
    cli.ok("import", "products", "products.csv", "--tenant", "acme")
    ended = cli("plan", "run", "--tenant", "acme", SALES_SERVICE_URL=f"http://127.0.0.1:{free_port()}")
    assert ended.code == 1
    assert ended.error.startswith("Sales could not be asked (Connection refused).")
    assert "shelfwise serve sales" in ended.error
    assert "SALES_SERVICE_URL" in ended.error


def test_a_tenant_without_products_needs_no_sales(cli):
    cli.ok("tenant", "create", "acme")
    report = cli("plan", "run", "--tenant", "acme", "--json").json()
    assert report["products"] == 0


def test_an_unknown_tenant_is_one_line(cli):
    assert "shelfwise tenant create nobody" in cli("plan", "run", "--tenant", "nobody").error
