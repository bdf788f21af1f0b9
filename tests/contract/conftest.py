"""Both services as processes on each database, with tenants that use the same ids."""

import asyncio
from collections.abc import Iterator

import pytest

from fixtures.contract import set_up
from fixtures.pairs import ServicePair, service_pair
from shelfwise.inventory.tables import MIGRATIONS as INVENTORY
from shelfwise.sales.tables import MIGRATIONS as SALES


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def services(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServicePair]:
    """``acme``, ``globex``, ``hooli`` and ``initech`` have products, suppliers, stock and orders under the same ids."""
    env = {"OPS_PUBLIC": "false"}
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        for name, migrations in (("INVENTORY", INVENTORY), ("SALES", SALES)):
            urls = asyncio.run(server.fresh(migrations))
            env |= {f"{name}_DATABASE_URL": urls.database, f"{name}_MIGRATION_URL": urls.migration}
            env[f"{name}_RELAY_URL"] = urls.relay
    with service_pair(tmp_path_factory.mktemp("contract") / "data", **env) as pair:
        set_up(pair)
        yield pair
